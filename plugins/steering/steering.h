#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// Adds a direction after chosen blocks. Errors: those of directionsFor; NotSupported for the units rho and sigma.
Result<InterventionPtr> createSteering(const nlohmann::json& params, const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
