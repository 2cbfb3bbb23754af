#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Zeroes the slice of chosen heads in attn.z. Errors: InvalidParameter.
Result<InterventionPtr> createHeadAblation(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
