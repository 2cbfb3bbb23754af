#pragma once

#include "engine/experiment/experiment.h"
#include "engine/forward/forward.h"

#include <random>

/// What the evaluations share: lanes of an experiment, and known texts run through them.
namespace ls {

struct EvaluatedLane {
    std::string name;
    PlanPtr plan;
};

/// Lane A is dense, B has params["methods"]; params["lanes"] chooses (both by default). Errors: InvalidParameter,
/// those of the methods.
Result<std::vector<EvaluatedLane>> lanesOf(const ExperimentContext& context);
Result<MethodSet> methodsOf(const nlohmann::json& params);
Result<PlanPtr> planOf(const std::shared_ptr<const Model>& model, const MethodSet& methods);

/// A known sequence (teacher forcing) on its way through a plan, piece by piece with one cache.
class KnownText {
public:
    KnownText(PlanPtr plan, std::vector<std::int32_t> ids, int promptLength, std::function<bool()> interrupted);
    bool done() const { return m_cache.length() == int(m_ids.size()); }
    int position() const { return m_cache.length(); }
    /// Runs the next positions. Row i: log-probabilities [vocab] of what follows position() + i before the call.
    Result<at::Tensor> next(); ///< [positions, vocab]
    std::int64_t cacheBytes() const { return m_cache.bytes(); }

private:
    Forward m_forward;
    KvCache m_cache;
    std::vector<std::int32_t> m_ids;
    int m_promptLength;
    std::function<bool()> m_interrupted;
};

/// log p of each choice (a list of ids) after the prompt; the prompt runs once, then all choices as one batch.
Result<std::vector<double>> choiceScores(const PlanPtr& plan, const std::vector<std::int32_t>& prompt,
                                         const std::vector<std::vector<std::int32_t>>& choices,
                                         const std::function<bool()>& interrupted);

/// One question of an accuracy run.
struct Question {
    std::vector<std::int32_t> prompt;
    std::vector<std::vector<std::int32_t>> choices;
    int answer = 0;
};
Result<std::vector<Question>> questionsOf(const ExperimentContext& context);

KvCache emptyCache(const Model& model);

/// perplexity, accuracy, fill_in (evaluate.cpp); bench (speed.cpp); measure_cost (speed_cost.cpp); build_steering
/// (steering.cpp).
void registerEvaluations(ExperimentRegistry& registry);
Result<nlohmann::json> runPerplexity(const ExperimentContext& context);
Result<nlohmann::json> runAccuracy(const ExperimentContext& context);
Result<nlohmann::json> runFillIn(const ExperimentContext& context);
Result<nlohmann::json> runBench(const ExperimentContext& context);
Result<nlohmann::json> runMeasureCost(const ExperimentContext& context);
Result<nlohmann::json> runBuildSteering(const ExperimentContext& context);

} // namespace ls
