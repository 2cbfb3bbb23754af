#pragma once

#include "engine/forward/plan.h"

#include <nlohmann/json.hpp>

namespace ls::plugins {

/// x -= (x.u) u at the listed sites of the listed blocks. Errors: those of directionsFor, HookUnavailable.
Result<InterventionPtr> createDirectionAblation(const nlohmann::json& params,
                                                const std::shared_ptr<const Model>& model);

} // namespace ls::plugins
