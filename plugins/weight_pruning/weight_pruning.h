#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Zeroes the smallest weights or the weakest heads in the lane's own copies; the model is never written.
/// Errors: InvalidParameter.
Result<InterventionPtr> createWeightPruning(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
