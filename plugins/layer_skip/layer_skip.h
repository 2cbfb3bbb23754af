#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Leaves out branches of chosen blocks; a skipped attention writes no keys and values. Errors: LayerLocked,
/// InvalidParameter.
Result<InterventionPtr> createLayerSkip(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
