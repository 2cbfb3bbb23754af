#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Adds a direction after chosen blocks; units: method.json. Errors: those of directionsFor.
Result<InterventionPtr> createSteering(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
