#pragma once

#include "engine/experiment/calibration_cache.h"
#include "engine/experiment/contextualisation_math.h"
#include "engine/experiment/experiment.h"
#include "engine/generate/probe.h"

/// Punctuation contextualisation: c of a token at a layer is the cosine between what its state says of the tokens
/// before it and what they were; gain = c less that of the embedding (llm-microscope.md section 3).
namespace ls {

/// Made once per model, used by the live probe. L blocks, width d, k directions; all float32.
struct ContextCalibration {
    at::Tensor tokenMean;   ///< [d] mean embedding row of the corpus
    at::Tensor directions;  ///< [d, k]
    at::Tensor mean, scale; ///< [L+1, d]
    at::Tensor map;         ///< [L+1, d, k]
    double sinkNorm = 0;    ///< a larger norm at the middle layer marks a sink token
    int tokens = 0, fragments = 0;
    std::string dataHash; ///< of the paragraphs and how they were cut
};
using ContextCalibrationPtr = std::shared_ptr<const ContextCalibration>;

/// Index into the streams at which sinks are recognised: L / 2.
inline int middleStream(int blockCount)
{
    return blockCount / 2;
}

/// Targets t of the positions first..first+count-1: [count, k] float32.
at::Tensor contextTargets(const ContextCalibration& calibration, const WeightMatrix& embedding,
                          std::span<const std::int32_t> ids, int first, int count);
/// c of one layer's states [count, d] against the targets: [count] float64.
at::Tensor contextScores(const ContextCalibration& calibration, int stream, const at::Tensor& states,
                         const at::Tensor& targets);

StoredCalibration toStored(const ContextCalibration& calibration, const ModelInfo& info);
/// Error: FileFormat for a file of another model, width or layer count.
Result<ContextCalibration> fromStored(const StoredCalibration& stored, const ModelInfo& info);
/// The model's calibration, from memory or the cache file; null if there is none yet. Errors: FileFormat.
Result<ContextCalibrationPtr> contextCalibrationOf(const ModelInfo& info);
/// From now on the model's calibration, also if it cannot be written to the cache file (whose error is returned).
Status keepContextCalibration(const ModelInfo& info, ContextCalibrationPtr calibration);

/// Live probe "contextualisation": outputs contextualisation.c, .gain and .sink.
LiveProbePtr contextualisationProbe(ContextCalibrationPtr calibration);

/// Kinds `calibrate_contextualisation` and `contextualisation_corpus`.
Result<nlohmann::json> calibrateContextualisation(const ExperimentContext& context);
Result<nlohmann::json> contextualisationCorpus(const ExperimentContext& context);

void registerContextualisation(ExperimentRegistry& experiments, ProbeRegistry& probes);

} // namespace ls
