#include "engine/evaluate/scoring.h"
#include "engine/evaluate/speed_run.h"
#include "engine/generate/distribution.h"
#include "engine/text/tokenizer.h"

#include <algorithm>

/// What a set of methods costs and saves: speed, distance to the model without it, memory, accuracy.
namespace ls {

namespace {

struct CostLane {
    const char* name;
    PlanPtr plan;
};

Status costSpeed(const ExperimentContext& context, const std::vector<CostLane>& lanes, std::int64_t n)
{
    LS_TRY(const SpeedTest test, readSpeedTest("tg32@d32", context.model->info().contextLength));
    std::vector<SpeedRun> runs;
    for (const CostLane& lane : lanes)
        runs.emplace_back(lane.plan, test, kSpeedBatch, nullptr, context.interrupted);
    std::mt19937_64 random(0);
    for (std::int64_t repetition = -1; repetition < n; ++repetition) { // the first one warms up
        const bool swapped = random() & 1;
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            const std::size_t lane = swapped ? lanes.size() - 1 - i : i;
            LS_TRY(const StageTimes times, runs[lane].repeat());
            if (repetition >= 0)
                context.row({{"what", "tok_s"},
                             {"lane", lanes[lane].name},
                             {"value", test.tokens() / SpeedRun::seconds(times)}});
        }
        context.progress("speed", double(repetition + 1), double(n));
    }
    return success();
}

Status costDistance(const ExperimentContext& context, const std::vector<CostLane>& lanes)
{
    LS_TRY(const std::string text, textParam(context.params, "text"));
    LS_CHECK(context.model->needsText());
    LS_TRY(std::vector<std::int32_t> ids, context.model->tokenizer().tokenize(text));
    ids.resize(std::min(ids.size(), std::size_t(context.model->info().contextLength)));
    if (ids.empty())
        return Error{Errc::DataTooFew, "The text is empty.", "Give a longer text.", {}};
    const int length = int(ids.size());
    KnownText with(lanes[0].plan, ids, length, context.interrupted);
    KnownText without(lanes[1].plan, ids, length, context.interrupted);
    while (!with.done()) {
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        const int first = with.position();
        LS_TRY(const at::Tensor b, with.next());
        LS_TRY(const at::Tensor a, without.next());
        for (std::int64_t i = 0; i < a.size(0); ++i)
            context.row({{"what", "kl"},
                         {"position", first + int(i) + 1},
                         {"value", klDivergence(floatsOf(a.select(0, i)), floatsOf(b.select(0, i)))}});
        context.progress("distance", double(with.position()), double(length));
    }
    const auto memory = [&](const CostLane& lane, const KnownText& ran) { // weights that lanes share are no cost
        context.row(
            {{"what", "memory"}, {"lane", lane.name}, {"bytes", lane.plan->ownWeightBytes() + ran.cacheBytes()}});
    };
    memory(lanes[0], with);
    memory(lanes[1], without);
    return success();
}

Status costAccuracy(const ExperimentContext& context, const std::vector<CostLane>& lanes)
{
    if (!context.params.contains("items"))
        return success();
    LS_TRY(const auto questions, questionsOf(context));
    for (std::size_t i = 0; i < questions.size(); ++i) {
        for (const CostLane& lane : lanes) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            LS_TRY(const auto scores,
                   choiceScores(lane.plan, questions[i].prompt, questions[i].choices, context.interrupted));
            const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
            context.row({{"what", "accuracy"},
                         {"lane", lane.name},
                         {"item", i},
                         {"correct", int(best) == questions[i].answer}});
        }
        context.progress("accuracy", double(i + 1), double(questions.size()));
    }
    return success();
}

} // namespace

Result<nlohmann::json> runMeasureCost(const ExperimentContext& context)
{
    LS_TRY(const MethodSet methods, methodsOf(context.params));
    LS_TRY(const std::int64_t leaveOut,
           integerParam(context.params, "leave_out", -1, -1, std::int64_t(methods.size()) - 1));
    LS_TRY(const std::int64_t n, integerParam(context.params, "n", 5, 1, 1000));
    MethodSet rest;
    if (leaveOut >= 0) {
        rest = methods;
        rest.erase(rest.begin() + leaveOut);
    }
    LS_TRY(PlanPtr with, planOf(context.model, methods));
    LS_TRY(PlanPtr without, planOf(context.model, rest));
    const std::vector<CostLane> lanes{{"with", std::move(with)}, {"without", std::move(without)}};
    LS_CHECK(costSpeed(context, lanes, n));
    LS_CHECK(costDistance(context, lanes));
    LS_CHECK(costAccuracy(context, lanes));
    return nlohmann::json::object();
}

} // namespace ls
