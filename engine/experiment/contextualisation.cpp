#include "engine/experiment/contextualisation.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <filesystem>
#include <mutex>

namespace ls {

namespace {

/// Calibrations of this process by key; the live probe must not read the file for every generation.
struct Known {
    std::mutex mutex;
    std::map<std::string, ContextCalibrationPtr> byKey;
};

Known& known()
{
    static Known instance;
    return instance;
}

Error otherModel(const std::string& what)
{
    return {Errc::FileFormat,
            fmt::format("The stored calibration does not fit this model: {}.", what),
            "Calibrate again.",
            {}};
}

double number(const StoredCalibration& stored, const std::string& name)
{
    const at::Tensor* value = stored.tensor(name, {1});
    return value ? value->item<double>() : 0;
}

std::string textOf(const StoredCalibration& stored, const std::string& key)
{
    const auto found = stored.metadata.find(key);
    return found == stored.metadata.end() ? std::string() : found->second;
}

} // namespace

at::Tensor contextTargets(const ContextCalibration& calibration, const WeightMatrix& embedding,
                          std::span<const std::int32_t> ids, int first, int count)
{
    const at::Tensor y = windowMeans(embedding, calibration.tokenMean.to(at::kDouble), ids, first, count);
    return y.to(at::kFloat).mm(calibration.directions);
}

at::Tensor contextScores(const ContextCalibration& calibration, int stream, const at::Tensor& states,
                         const at::Tensor& targets)
{
    const at::Tensor z = states.to(at::kFloat).sub(calibration.mean[stream]).div(calibration.scale[stream]);
    return rowCosines(z.mm(calibration.map[stream]), targets);
}

StoredCalibration toStored(const ContextCalibration& calibration, const ModelInfo& info)
{
    const auto one = [](double value) { return at::tensor({value}, at::kDouble); };
    return {{{"token_mean", calibration.tokenMean},
             {"directions", calibration.directions},
             {"mean", calibration.mean},
             {"scale", calibration.scale},
             {"map", calibration.map},
             {"sink_norm", one(calibration.sinkNorm)},
             {"tokens", one(calibration.tokens)},
             {"fragments", one(calibration.fragments)}},
            {{"kind", "contextualisation"},
             {"version", "1"},
             {"key", calibrationKey(info)},
             {"window", std::to_string(kContextWindow)},
             {"dtype", info.dtype},
             {"data", calibration.dataHash}}};
}

Result<ContextCalibration> fromStored(const StoredCalibration& stored, const ModelInfo& info)
{
    if (textOf(stored, "kind") != "contextualisation" || textOf(stored, "version") != "1")
        return otherModel("it is of another kind or version");
    if (textOf(stored, "key") != calibrationKey(info) || textOf(stored, "window") != std::to_string(kContextWindow))
        return otherModel("it was made for another model, tokenizer or window");
    const std::int64_t streams = info.blockCount + 1, d = info.width, k = std::min(d, std::int64_t(kContextDimensions));
    const at::Tensor* tokenMean = stored.tensor("token_mean", {d});
    const at::Tensor* directions = stored.tensor("directions", {d, k});
    const at::Tensor* mean = stored.tensor("mean", {streams, d});
    const at::Tensor* scale = stored.tensor("scale", {streams, d});
    const at::Tensor* map = stored.tensor("map", {streams, d, k});
    if (!tokenMean || !directions || !mean || !scale || !map || number(stored, "sink_norm") <= 0)
        return otherModel("a tensor is missing or has another shape");
    return ContextCalibration{*tokenMean,
                              *directions,
                              *mean,
                              *scale,
                              *map,
                              number(stored, "sink_norm"),
                              int(number(stored, "tokens")),
                              int(number(stored, "fragments")),
                              textOf(stored, "data")};
}

Result<ContextCalibrationPtr> contextCalibrationOf(const ModelInfo& info)
{
    const std::string key = calibrationKey(info), path = calibrationPath(info, "");
    const std::scoped_lock lock(known().mutex);
    if (const auto found = known().byKey.find(key); found != known().byKey.end())
        return found->second;
    std::error_code ignored; // a folder that cannot be read holds no calibration for us
    if (!std::filesystem::exists(path, ignored))
        return ContextCalibrationPtr();
    LS_TRY(const StoredCalibration stored, loadCalibration(path));
    LS_TRY(ContextCalibration calibration, fromStored(stored, info));
    return known().byKey[key] = std::make_shared<const ContextCalibration>(std::move(calibration));
}

Status keepContextCalibration(const ModelInfo& info, ContextCalibrationPtr calibration)
{
    {
        const std::scoped_lock lock(known().mutex);
        known().byKey[calibrationKey(info)] = calibration;
    }
    return storeCalibration(calibrationPath(info, ""), toStored(*calibration, info));
}

void registerContextualisation(ExperimentRegistry& experiments, ProbeRegistry& probes)
{
    experiments.add("calibrate_contextualisation", calibrateContextualisation);
    experiments.add("contextualisation_corpus", contextualisationCorpus);
    probes.add("contextualisation", [](const std::shared_ptr<const Model>& model) -> Result<LiveProbePtr> {
        LS_TRY(ContextCalibrationPtr calibration, contextCalibrationOf(model->info()));
        return calibration ? contextualisationProbe(std::move(calibration)) : LiveProbePtr();
    });
}

} // namespace ls
