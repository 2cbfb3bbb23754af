#include "core/protocol/fields.h"
#include "engine/evaluate/scoring.h"
#include "engine/evaluate/speed_run.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>

namespace ls {

namespace {

/// What is timed side by side: a plan, with taps or without.
struct Variant {
    std::string name;
    PlanPtr plan;
    std::vector<HookPoint> points;
    std::string reduce;
};

Result<Variant> variantOf(const ExperimentContext& context, const nlohmann::json& json)
{
    if (!json.is_object())
        return Error{Errc::InvalidParameter, "A variant is an object.", "Give name, methods, taps, reduce.", {}};
    Variant variant;
    LS_TRY(variant.name, textParam(json, "name"));
    LS_TRY(const MethodSet methods, methodsOf(json));
    LS_TRY(variant.plan, planOf(context.model, methods));
    LS_TRY(variant.reduce, textParam(json, "reduce", "copy"));
    if (json.contains("taps")) {
        LS_TRY(const auto patterns, textsParam(json, "taps"));
        LS_TRY(variant.points, expandTaps(patterns, context.model->config()));
    }
    return variant;
}

/// params["variants"], else the lanes.
Result<std::vector<Variant>> variantsOf(const ExperimentContext& context)
{
    std::vector<Variant> out;
    const auto asked = context.params.find("variants");
    if (asked == context.params.end()) {
        LS_TRY(const auto lanes, lanesOf(context));
        for (const EvaluatedLane& lane : lanes)
            out.push_back({lane.name, lane.plan, {}, "copy"});
        return out;
    }
    if (!asked->is_array() || asked->empty())
        return Error{Errc::InvalidParameter, "\"variants\" is no list.", "Give at least one variant.", {}};
    for (const nlohmann::json& json : *asked) {
        LS_TRY(out.emplace_back(), variantOf(context, json));
    }
    return out;
}

/// Variants of one test in turn, in random order, since drift and changes of the clock must hit all of them.
class TestBench {
public:
    static Result<TestBench> create(const ExperimentContext& context, const SpeedTest& test,
                                    const std::vector<Variant>& variants, int batch)
    {
        TestBench bench;
        for (const Variant& variant : variants) {
            auto& taps = bench.m_taps.emplace_back();
            if (!variant.points.empty()) {
                LS_TRY(taps, timedTaps(variant.points, variant.reduce));
            }
            bench.m_runs.emplace_back(variant.plan, test, batch, taps.get(), context.interrupted);
            bench.m_order.push_back(bench.m_order.size());
        }
        return bench;
    }
    /// Calls back with (variant, times).
    template <class Each>
    Status repeat(const ExperimentContext& context, std::mt19937_64& random, const Each& each)
    {
        std::shuffle(m_order.begin(), m_order.end(), random);
        for (const std::size_t variant : m_order) {
            if (!context.checkpoint())
                return ExperimentContext::cancelled();
            LS_TRY(const StageTimes times, m_runs[variant].repeat());
            each(variant, times);
        }
        return success();
    }

private:
    std::vector<std::unique_ptr<TimedTaps>> m_taps;
    std::vector<SpeedRun> m_runs;
    std::vector<std::size_t> m_order;
};

} // namespace

Result<nlohmann::json> runBench(const ExperimentContext& context)
{
    LS_TRY(const auto variants, variantsOf(context));
    LS_TRY(const std::int64_t n, integerParam(context.params, "n", 5, 1, 1000));
    LS_TRY(const std::int64_t warmup, integerParam(context.params, "warmup", 1, 0, 100));
    LS_TRY(const std::int64_t batch, integerParam(context.params, "batch", kSpeedBatch, 1, 1 << 20));
    std::vector<std::string> names{"pp512", "tg128"};
    if (context.params.contains("tests")) {
        LS_TRY(names, textsParam(context.params, "tests"));
    }
    std::vector<SpeedTest> tests;
    for (const std::string& name : names) {
        LS_TRY(tests.emplace_back(), readSpeedTest(name, context.model->info().contextLength));
    }
    std::mt19937_64 random(0);
    const double total = double((n + warmup) * std::int64_t(tests.size() * variants.size()));
    double done = 0;
    for (const SpeedTest& test : tests) {
        LS_TRY(TestBench bench, TestBench::create(context, test, variants, int(batch)));
        for (std::int64_t repetition = -warmup; repetition < n; ++repetition)
            LS_CHECK(bench.repeat(context, random, [&](std::size_t variant, const StageTimes& times) {
                context.progress(test.name, ++done, total);
                if (repetition >= 0)
                    context.row({{"lane", variants[variant].name},
                                 {"test", test.name},
                                 {"repetition", repetition},
                                 {"seconds", SpeedRun::seconds(times)},
                                 {"tokens", test.tokens()},
                                 {"stages_ns", fields::toJson(times)}});
            }));
    }
    const ModelInfo& info = context.model->info();
    return nlohmann::json{{"device", info.device}, {"dtype", info.dtype}, {"threads", at::get_num_threads()}};
}

} // namespace ls
