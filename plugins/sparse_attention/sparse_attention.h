#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Window with sinks, or exact top-k per head (K6, K7 of the kernels' specification). Errors: InvalidParameter.
Result<InterventionPtr> createSparseAttention(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
