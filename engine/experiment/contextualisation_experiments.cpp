#include "engine/experiment/contextualisation.h"
#include "engine/experiment/contextualisation_corpus.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <chrono>
#include <map>

namespace ls {

namespace {

constexpr const char* kFitting = "fitting a map per layer";

nlohmann::json resultJson(const ContextCalibration& calibration, const ModelInfo& info, bool cached, double seconds)
{
    return {{"fingerprint", calibrationKey(info)},
            {"tokens", calibration.tokens},
            {"fragments", calibration.fragments},
            {"window", kContextWindow},
            {"dimensions", calibration.directions.size(1)},
            {"cached", cached},
            {"seconds", seconds}};
}

/// Folds of the rows' fragments.
std::vector<int> rowFolds(const ContextCorpus& corpus, std::uint64_t seed)
{
    const std::vector<int> ofFragment = contextFolds(int(corpus.fragments.size()), seed);
    std::vector<int> ofRow;
    for (const int fragment : corpus.rowFragment)
        ofRow.push_back(ofFragment[std::size_t(fragment)]);
    return ofRow;
}

struct ClassSums {
    int n = 0;
    std::vector<double> c, gain;
};

/// scores [L+1, rows]: sums per fragment and class.
std::map<std::pair<int, WordClass>, ClassSums> sumByClass(const ContextCorpus& corpus, const at::Tensor& scores)
{
    const std::int64_t streams = scores.size(0), rows = scores.size(1);
    const at::Tensor flat = scores.to(at::kDouble).contiguous();
    const double* c = flat.data_ptr<double>();
    std::map<std::pair<int, WordClass>, ClassSums> sums;
    for (std::int64_t row = 0; row < rows; ++row) {
        const int fragment = corpus.rowFragment[std::size_t(row)], position = corpus.rowPosition[std::size_t(row)];
        const WordClass wordClass = corpus.fragments[std::size_t(fragment)].classes[std::size_t(position)];
        ClassSums& sum = sums[{fragment, wordClass}];
        sum.c.resize(std::size_t(streams));
        sum.gain.resize(std::size_t(streams));
        ++sum.n;
        for (std::int64_t l = 0; l < streams; ++l) {
            sum.c[std::size_t(l)] += c[l * rows + row];
            sum.gain[std::size_t(l)] += c[l * rows + row] - c[row];
        }
    }
    return sums;
}

} // namespace

Result<nlohmann::json> calibrateContextualisation(const ExperimentContext& context)
{
    const ModelInfo& info = context.model->info();
    const auto start = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    LS_TRY(const std::string hash, contextDataHash(context.params));
    // A stored calibration that cannot be read is made again: nothing of it is needed.
    if (const auto stored = contextCalibrationOf(info); stored && stored.value() && stored.value()->dataHash == hash)
        return resultJson(*stored.value(), info, true, seconds());

    LS_TRY(const ContextCorpus corpus, runContextCorpus(context));
    auto calibration = std::make_shared<ContextCalibration>();
    std::vector<at::Tensor> means, scales, maps;
    const int streams = info.blockCount + 1;
    for (int stream = 0; stream < streams; ++stream) {
        context.progress(kFitting, stream, streams);
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        const RidgeMap fit = fitRidge(RidgeMoments::of(corpus.states(stream), corpus.targets));
        means.push_back(fit.mean.to(at::kFloat));
        scales.push_back(fit.scale.to(at::kFloat));
        maps.push_back(fit.map.to(at::kFloat));
    }
    calibration->tokenMean = corpus.tokenMean.to(at::kFloat);
    calibration->directions = corpus.directions.to(at::kFloat);
    calibration->mean = at::stack(means);
    calibration->scale = at::stack(scales);
    calibration->map = at::stack(maps);
    calibration->sinkNorm = corpus.sinkNorm;
    calibration->tokens = corpus.tokens();
    calibration->fragments = int(corpus.fragments.size());
    calibration->dataHash = hash;
    nlohmann::json result = resultJson(*calibration, info, false, seconds());
    if (const Status kept = keepContextCalibration(info, calibration); !kept)
        result["cache_error"] = kept.error().message + " " + kept.error().detail; // it works until the engine ends
    return result;
}

Result<nlohmann::json> contextualisationCorpus(const ExperimentContext& context)
{
    LS_TRY(const auto seed, integerParam(context.params, "seed", 0, 0, 1'000'000'000));
    LS_TRY(const ContextCorpus corpus, runContextCorpus(context));
    if (int(corpus.fragments.size()) < kContextFolds)
        return Error{
            Errc::DataTooFew, "Cross-fitting needs five paragraphs longer than the window.", "Add paragraphs.", {}};
    const std::vector<int> folds = rowFolds(corpus, std::uint64_t(seed));
    std::vector<at::Tensor> scores;
    const int streams = context.model->info().blockCount + 1;
    for (int stream = 0; stream < streams; ++stream) {
        context.progress(kFitting, stream, streams);
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        scores.push_back(crossFitScores(corpus.states(stream), corpus.targets, folds));
    }
    for (const auto& [key, sum] : sumByClass(corpus, at::stack(scores)))
        context.row({{"fragment", key.first},
                     {"class", wordClassName(key.second)},
                     {"n", sum.n},
                     {"sum_c", sum.c},
                     {"sum_gain", sum.gain}});
    return nlohmann::json{{"fragments", corpus.fragments.size()}, {"tokens", corpus.rows()}};
}

} // namespace ls
