#include "tests/bench/no_hooks.h"

#include "core/stats/bootstrap.h"
#include "engine/evaluate/scoring.h"
#include "engine/evaluate/speed_run.h"
#include "tests/support/test_model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

/// What looking into SmolLM2-135M and changing it costs, against the same pass without hooks, and what skipping blocks
/// saves. All variants run in turn, a step of each, in random order; the unit of the intervals is a round.
/// Usage: bench_hooks [dtype] [rounds] [decode tokens a round] [prompts a round]; BENCH_THREADS sets the threads
/// (default 2).
namespace {

using namespace ls;
using Clock = std::chrono::steady_clock;

constexpr int kDepth = 64, kPrompt = 128, kSkipped = 10;

/// A plan and a way to run it; caches are the variant's own.
struct Variant {
    std::string name;
    PlanPtr plan;
    std::unique_ptr<TimedTaps> taps;
    std::unique_ptr<bench::NoHooksForward> withoutHooks; // instead of `forward`
    Forward forward;
    KvCache cache;
    StageClock clock;
    bool timed = true;                   // by stage, as lanes are
    std::vector<double> decode, prefill; // seconds of each round

    Variant(std::string title, PlanPtr runs, std::unique_ptr<TimedTaps> sink = nullptr)
        : name(std::move(title))
        , plan(runs)
        , taps(std::move(sink))
        , forward(runs)
        , cache(emptyCache(runs->model()))
    {
    }
    double run(std::span<const std::int32_t> ids)
    {
        const auto start = Clock::now();
        ForwardInput input;
        input.ids = ids;
        input.promptLength = kDepth;
        input.taps = taps.get();
        input.clock = timed ? &clock : nullptr;
        clock.start();
        const bool good = withoutHooks ? bool(withoutHooks->run(ids, kDepth, cache)) : bool(forward.run(input, cache));
        if (taps)
            taps->next();
        clock.stop();
        if (!good)
            std::abort();
        return std::chrono::duration<double>(Clock::now() - start).count();
    }
};

PlanPtr planWith(const std::shared_ptr<const Model>& model, const std::function<void(PlanBuilder&)>& change)
{
    PlanBuilder builder(model);
    change(builder);
    return builder.finish({}, Changes::Residual);
}

/// Skips `count` blocks, spread evenly.
PlanPtr skipping(const std::shared_ptr<const Model>& model, int count)
{
    return planWith(model, [&](PlanBuilder& plan) {
        const int blocks = model->config().blockCount;
        for (int i = 0; i < count; ++i) {
            BlockPlan& block = plan.block(i * blocks / count);
            block.attentionRuns = block.mlpRuns = false;
        }
    });
}

std::vector<Variant> variantsOf(const std::shared_ptr<const Model>& model)
{
    std::vector<HookPoint> points;
    for (int layer = 0; layer < model->config().blockCount; ++layer)
        points.push_back({Site::ResidPost, layer});
    const PlanPtr dense = planWith(model, [](PlanBuilder&) {});
    const at::Tensor vector = at::full({model->config().width}, 0.01f);
    std::vector<Variant> out;
    out.emplace_back("hooks compiled out", dense);
    out.back().withoutHooks = std::make_unique<bench::NoHooksForward>(dense);
    out.emplace_back("nothing on", dense);
    out.emplace_back("norm and projection of resid_post, all layers", dense, timedTaps(points, "norms").value());
    out.emplace_back("copy of resid_post, all layers", dense, timedTaps(points, "copy").value());
    out.emplace_back("one layer steered", planWith(model, [&](PlanBuilder& plan) {
                         plan.block(model->config().blockCount / 2).residPostEdits.push_back({Addition{vector, {}}});
                     }));
    out.emplace_back("some blocks skipped", skipping(model, kSkipped));
    out.emplace_back("all blocks skipped", skipping(model, model->config().blockCount));
    out.emplace_back("nothing on, without timers", dense);
    out.back().timed = false;
    return out;
}

void print(const char* stage, const Variant& variant, const Variant& base, std::vector<double> Variant::*times,
           double bar, bool containsOne, const char* name = nullptr)
{
    const Estimate ratio = bootstrapRatio(variant.*times, base.*times).value();
    const bool met = containsOne ? ratio.low <= 1 && ratio.high >= 1 && ratio.high < bar : ratio.value <= bar;
    fmt::print("| {} | {} | {:.4f} | {:.4f} to {:.4f} | {} | {} |\n", stage, name ? std::string(name) : variant.name,
               ratio.value, ratio.low, ratio.high,
               containsOne ? fmt::format("contains 1, ends < {}", bar) : fmt::format("<= {}", bar),
               met ? "met" : "NOT met");
}

void report(const char* stage, const std::vector<Variant>& v, std::vector<double> Variant::*times, int blocks)
{
    print(stage, v[1], v[0], times, 1.02, true);
    print(stage, v[1], v[7], times, 1.005, false, "timers of the stages alone");
    print(stage, v[2], v[1], times, 1.03, false);
    print(stage, v[3], v[1], times, 1.05, false);
    print(stage, v[4], v[1], times, 1.02, false);
    // saved time over k / L of the time of the blocks, which is that of all less that of none
    const auto& dense = v[1].*times;
    const auto& some = v[5].*times;
    const auto& none = v[6].*times;
    std::vector<double> saved, possible;
    for (std::size_t i = 0; i < dense.size(); ++i) {
        saved.push_back(dense[i] - some[i]);
        possible.push_back((dense[i] - none[i]) * kSkipped / blocks);
    }
    const Estimate part = bootstrapRatio(saved, possible).value();
    fmt::print("| {} | {} of {} blocks skipped, saved of k/L of the block time | {:.3f} | {:.3f} to {:.3f} | >= 0.85 | "
               "{} |\n",
               stage, kSkipped, blocks, part.value, part.low, part.high, part.value >= 0.85 ? "met" : "NOT met");
}

/// One round: so many prompts and decode steps of every variant.
void runRound(std::vector<Variant>& variants, std::span<const std::int32_t> ids, int prompts, int tokens,
              std::mt19937_64& random, bool counts)
{
    std::vector<double> decode(variants.size(), 0.0), prefill(variants.size(), 0.0);
    std::vector<std::size_t> order(variants.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    for (int token = -prompts; token < tokens; ++token) { // prompts first
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t i : order) {
            Variant& variant = variants[i];
            if (token < 0) {
                variant.cache.truncate(0);
                prefill[i] += variant.run(ids.first(kPrompt));
                variant.cache.truncate(kDepth);
            } else {
                decode[i] += variant.run(ids.subspan(std::size_t(kDepth + token), 1));
            }
        }
    }
    for (std::size_t i = 0; counts && i < variants.size(); ++i) {
        variants[i].decode.push_back(decode[i]);
        variants[i].prefill.push_back(prefill[i]);
    }
}

} // namespace

int main(int argc, char** argv)
{
    LoadOptions options;
    options.dtype = argc > 1 ? argv[1] : "float32";
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 40, tokens = argc > 3 ? std::atoi(argv[3]) : 16;
    const int prompts = argc > 4 ? std::atoi(argv[4]) : 4;
    const char* threads = std::getenv("BENCH_THREADS");
    at::set_num_threads(threads ? std::atoi(threads) : 2);
    const auto model = Model::open(test::smolLmPath(), options);
    if (!model) {
        fmt::print(stderr, "{}\n{}\n", model.error().message, model.error().hint);
        return 1;
    }
    std::vector<Variant> variants = variantsOf(model.value());
    std::mt19937_64 random(0);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < std::max(kPrompt, kDepth + tokens); ++i)
        ids.push_back(std::int32_t(random() % std::uint64_t(model.value()->config().vocabSize)));
    for (int round = -2; round < rounds; ++round) // two warm up
        runRound(variants, ids, prompts, tokens, random, round >= 0);
    fmt::print("SmolLM2-135M as {}, {} threads, {} rounds of {} decode steps and {} prompts of {}\n\n", options.dtype,
               at::get_num_threads(), rounds, tokens, prompts, kPrompt);
    fmt::print("| stage | what | time, relative | 95 % interval | bar | |\n|---|---|---|---|---|---|\n");
    const int blocks = model.value()->config().blockCount;
    report("decode", variants, &Variant::decode, blocks);
    report("prefill", variants, &Variant::prefill, blocks);
    const auto rate = [&](const std::vector<double>& seconds, double count) { return count / mean(seconds); };
    fmt::print("\nNothing on: decode {:.1f} tok/s, prefill {:.0f} tok/s.\n", rate(variants[1].decode, tokens),
               rate(variants[1].prefill, prompts * kPrompt));
}
