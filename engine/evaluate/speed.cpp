#include "engine/evaluate/scoring.h"
#include "engine/generate/distribution.h"
#include "engine/text/tokenizer.h"

#include <ATen/Parallel.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

/// Speed and cost. Ids are random and known beforehand: tokenising and sampling are no part of what is timed.
namespace ls {

namespace {

/// "pp512": 512 prompt tokens at once. "tg128": 128 tokens one by one. "tg128@d4096": after 4096 others.
struct SpeedTest {
    std::string name;
    bool decode = false;
    int tokens = 0, depth = 0;
};

std::optional<int> number(std::string_view text)
{
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value > 0 ? std::optional(value) : std::nullopt;
}

Result<SpeedTest> speedTest(const std::string& name, int context)
{
    const std::string_view text = name;
    const auto at = text.find("@d");
    const auto tokens = number(text.size() > 2 ? text.substr(2, at == text.npos ? at : at - 2) : "");
    const auto depth = at == text.npos ? std::optional(0) : number(text.substr(at + 2));
    if ((!text.starts_with("pp") && !text.starts_with("tg")) || !tokens || !depth)
        return Error{Errc::InvalidParameter,
                     fmt::format("\"{}\" is no test.", name),
                     "Examples: pp512, tg128, tg128@d1024.",
                     {}};
    if (std::int64_t(*tokens) + *depth > context)
        return Error{Errc::ContextTooLarge,
                     fmt::format("{} needs {} positions, the context has {}.", name, *tokens + *depth, context),
                     "Choose a smaller test, or open the model with a larger context.",
                     {}};
    return SpeedTest{name, text.starts_with("tg"), *tokens, *depth};
}

/// Seconds of one repetition with an empty cache.
Result<double> timeOnce(const ExperimentContext& context, const PlanPtr& plan, const SpeedTest& test)
{
    std::mt19937_64 random(0);
    std::vector<std::int32_t> ids(std::size_t(test.tokens + test.depth));
    for (std::int32_t& id : ids)
        id = std::int32_t(random() % std::uint64_t(context.model->config().vocabSize));
    Forward forward(plan);
    KvCache cache = emptyCache(*context.model);
    const std::span<const std::int32_t> all = ids;
    const auto run = [&](std::span<const std::int32_t> part) {
        ForwardInput input{part, test.decode ? test.depth : int(all.size())};
        input.interrupted = context.interrupted;
        return forward.run(input, cache);
    };
    if (test.depth > 0) {
        LS_TRY(const at::Tensor ignored, run(all.first(std::size_t(test.depth))));
    }
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = std::size_t(test.depth); i < all.size();) {
        const std::size_t count = test.decode ? 1 : all.size() - i;
        if (context.interrupted())
            return ExperimentContext::cancelled();
        LS_TRY(const at::Tensor ignored, run(all.subspan(i, count)));
        i += count;
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct CostLane {
    const char* name;
    PlanPtr plan;
};

Status costSpeed(const ExperimentContext& context, const std::vector<CostLane>& lanes, std::int64_t n)
{
    LS_TRY(const SpeedTest test, speedTest("tg32@d32", context.model->info().contextLength));
    std::mt19937_64 random(0);
    for (std::int64_t repetition = -1; repetition < n; ++repetition) { // the first one warms up
        const bool swapped = random() & 1;
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            const CostLane& lane = lanes[swapped ? lanes.size() - 1 - i : i];
            LS_TRY(const double seconds, timeOnce(context, lane.plan, test));
            if (repetition >= 0)
                context.row({{"what", "tok_s"}, {"lane", lane.name}, {"value", test.tokens / seconds}});
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

Result<nlohmann::json> runBench(const ExperimentContext& context)
{
    LS_TRY(const auto lanes, lanesOf(context));
    LS_TRY(const std::int64_t n, integerParam(context.params, "n", 5, 5, 1000));
    LS_TRY(const std::int64_t warmup, integerParam(context.params, "warmup", 1, 0, 100));
    std::vector<std::string> names{"pp512", "tg128"};
    if (context.params.contains("tests")) {
        LS_TRY(names, textsParam(context.params, "tests"));
    }
    std::vector<SpeedTest> tests;
    for (const std::string& name : names) {
        LS_TRY(tests.emplace_back(), speedTest(name, context.model->info().contextLength));
    }
    std::mt19937_64 random(0);
    const double total = double((n + warmup) * std::int64_t(tests.size() * lanes.size()));
    double done = 0;
    for (const SpeedTest& test : tests)
        for (std::int64_t repetition = -warmup; repetition < n; ++repetition) {
            const bool swapped = random() & 1; // drift and clock changes hit both lanes
            for (std::size_t i = 0; i < lanes.size(); ++i) {
                if (!context.checkpoint())
                    return ExperimentContext::cancelled();
                const EvaluatedLane& lane = lanes[swapped ? lanes.size() - 1 - i : i];
                LS_TRY(const double seconds, timeOnce(context, lane.plan, test));
                context.progress(test.name, ++done, total);
                if (repetition >= 0)
                    context.row({{"lane", lane.name},
                                 {"test", test.name},
                                 {"repetition", repetition},
                                 {"seconds", seconds},
                                 {"tokens", test.tokens}});
            }
        }
    const ModelInfo& info = context.model->info();
    return nlohmann::json{{"device", info.device}, {"dtype", info.dtype}, {"threads", at::get_num_threads()}};
}

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
