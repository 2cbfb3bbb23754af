#pragma once

#include "engine/experiment/calibration_cache.h"
#include "engine/experiment/experiment.h"
#include "engine/generate/probe.h"

#include <span>
#include <vector>

/// Safety states: per layer the direction from the mean state of harmless prompts to that of harmful ones, at the last
/// prompt token. score = (x.u - midpoint) / sd, plus = harmful. No layer is chosen on the held-out half.
namespace ls {

struct SafetyDirections {
    at::Tensor unit;     ///< [L+1, d] float32; 0 where the two means agree (embedding of a template's last token)
    at::Tensor midpoint; ///< [L+1] between the two projected means
    at::Tensor sd;       ///< [L+1] standard deviation of all training prompts' projections; 1 where unit is 0
};
using SafetyDirectionsPtr = std::shared_ptr<const SafetyDirections>;

/// states [n, L+1, d]; harmful[i] labels prompt i; `train` are the indices used, at least two of each class. Sums in
/// float64.
SafetyDirections fitSafety(const at::Tensor& states, const std::vector<bool>& harmful, std::span<const int> train);
/// states [n, L+1, d] -> [n, L+1] float64.
at::Tensor safetyScores(const SafetyDirections& directions, const at::Tensor& states);

/// Live probe "safety": output safety.score at every position.
LiveProbePtr safetyProbe(SafetyDirectionsPtr directions);
/// The model's directions, from memory or the cache file; null if there are none. Error: FileFormat.
Result<SafetyDirectionsPtr> safetyDirectionsOf(const ModelInfo& info);

/// Kind `fit_safety`.
Result<nlohmann::json> runSafety(const ExperimentContext& context);

void registerSafety(ExperimentRegistry& experiments, ProbeRegistry& probes);

} // namespace ls
