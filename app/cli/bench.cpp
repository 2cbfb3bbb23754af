#include "app/cli/bench_compare.h"
#include "app/cli/context.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

namespace ls::cli {

namespace {

using nlohmann::json;

/// What is measured side by side: dense, and every method set; each with taps too where sites are given.
Result<json> variantsOf(const BenchOptions& options)
{
    json variants = json::array();
    const auto add = [&](const std::string& name, const MethodSet& methods) {
        variants.push_back({{"name", name}, {"methods", toJson(methods)}});
        if (!options.taps.empty())
            variants.push_back({{"name", name + "+taps"},
                                {"methods", toJson(methods)},
                                {"taps", options.taps},
                                {"reduce", options.reduce}});
    };
    add("A", {});
    char name = 'B';
    for (const std::string& path : options.methods) {
        LS_TRY(const MethodSet methods, readMethods(path));
        add(std::string(1, name++), methods);
    }
    return variants;
}

class Bench {
public:
    Bench(const BenchOptions& options, BenchPlan plan, json variants)
        : m_options(options)
        , m_plan(std::move(plan))
        , m_variants(std::move(variants))
    {
    }
    using Each = std::function<void(const BenchRow&)>;

    /// Everything once; an engine for every way to open a model.
    Status run(const Each& each)
    {
        for (const BenchSetting& setting : m_plan.settings) {
            EngineFlags flags;
            flags.device = m_options.device;
            flags.dtype = setting.dtype;
            flags.contextLength = m_options.contextLength;
            flags.threads = setting.threads;
            LS_TRY(OpenEngine open, openModel(setting.model, flags));
            for (const int batch : m_plan.batches)
                for (const BenchTest& test : m_plan.tests)
                    LS_CHECK(measure(open, test, batch, each));
        }
        return success();
    }
    const BenchPlan& plan() const { return m_plan; }

private:
    Status measure(OpenEngine& open, const BenchTest& test, int batch, const Each& each)
    {
        const std::string started = utcNow();
        const RunExperiment request{open.process->nextRequestId(), "bench",
                                    json{{"tests", {test.engineName()}},
                                         {"n", m_options.repetitions},
                                         {"warmup", m_options.withoutWarmup ? 0 : 1},
                                         {"batch", batch},
                                         {"variants", m_variants}}};
        ProgressLine progress;
        std::map<std::string, std::vector<double>> seconds; // of each lane
        std::map<std::string, StageTimes> stages;
        LS_TRY(const ExperimentDone done,
               ask<ExperimentDone>(
                   *open.process, request,
                   [&](const EngineMessage& message) {
                       progress.show(message);
                       if (const auto* row = std::get_if<ExperimentRow>(&message)) {
                           const std::string lane = row->row.value("lane", "");
                           seconds[lane].push_back(row->row.value("seconds", 0.0));
                           for (const NamedStage& stage : kStages)
                               stages[lane].*stage.stage +=
                                   row->row.value("stages_ns", json::object()).value(stage.key, std::int64_t(0));
                       }
                   },
                   &interrupted));
        progress.clear();
        for (const json& variant : m_variants) {
            BenchRow row{open.model, test, batch, done.result.value("threads", 0)};
            row.lane = variant["name"].get<std::string>();
            row.methods = variant["methods"].dump();
            if (variant.contains("taps"))
                row.taps = fmt::format("{}: {}", m_options.reduce, fmt::join(m_options.taps, ","));
            row.testTime = started;
            row.seconds = seconds[row.lane];
            row.stages = stages[row.lane];
            each(row);
        }
        return success();
    }

    const BenchOptions& m_options;
    BenchPlan m_plan;
    json m_variants;
};

Result<int> run(const BenchOptions& options)
{
    LS_TRY(BenchPlan plan, readBenchPlan(options));
    LS_TRY(json variants, variantsOf(options));
    const bool lanes = variants.size() > 1;
    Bench bench(options, std::move(plan), std::move(variants));
    if (!options.compare.empty())
        return compareBench(options, bench.plan().settings.size() * bench.plan().batches.size(),
                            [&]() -> Result<std::vector<BenchRow>> {
                                std::vector<BenchRow> rows;
                                LS_CHECK(bench.run([&](const BenchRow& row) { rows.push_back(row); }));
                                return rows;
                            });
    BenchWriter writer(options.output, lanes, options.stages);
    const Status status = bench.run([&](const BenchRow& row) { writer.row(row); });
    writer.end();
    if (!status)
        return status.error();
    return 0;
}

/// Wrong lists are wrong usage: found before a model is opened.
std::string checked(const BenchOptions& options)
{
    if (!options.compare.empty() && options.output != "md" && options.output != "json")
        return "-o: --compare prints md or json";
    const auto plan = readBenchPlan(options);
    return plan ? std::string() : fmt::format("{} {}", plan.error().message, plan.error().hint);
}

} // namespace

void addBench(CLI::App& app, Action& action)
{
    auto options = std::make_shared<BenchOptions>();
    auto* command = app.add_subcommand(
        "bench", "Speed, with the options of llama-bench. Lists: 128,512; ranges: 128-512+128, 128-8192*2");
    const auto list = [&](const char* name, std::vector<std::string>& values, const char* text) {
        return command->add_option(name, values, text)->allow_extra_args(false)->capture_default_str();
    };
    list("model,-m,--model", options->models, "Model files")->required();
    list("-p,--n-prompt", options->prompts, "Prompt tokens at once (0: not measured)");
    list("-n,--n-gen", options->generated, "Tokens generated one by one (0: not measured)");
    list("--pg", options->both, "-pg PP,TG: prompt and generation timed together");
    list("-d,--n-depth", options->depths, "Tokens in the cache before the test");
    list("-b,--batch-size", options->batches, "Prompt tokens of one forward call");
    list("-t,--threads", options->threads, "Threads (0: all cores)");
    list("--dtype", options->dtypes, "Types of the weights while running, as for other commands");
    command->add_option("-r,--repetitions", options->repetitions, "Repetitions of each test")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--no-warmup", options->withoutWarmup, "Count the first run of each test too");
    command->add_flag("--stages", options->stages,
                      "Print where the time goes too: embedding, projections, attention, MLP, unembedding, taps");
    command->add_option("-o,--output", options->output, "What is printed")
        ->check(CLI::IsMember({"md", "csv", "json", "jsonl", "sql"}))
        ->capture_default_str();
    list("--methods", options->methods, "Method set (JSON file): measured as lane B (C, ...) beside A");
    command->add_option("--taps", options->taps, "Sites read while timing: every lane with and without")
        ->delimiter(',');
    command->add_option("--tap-reduce", options->reduce, "What is done with them: copied, or norm and one projection")
        ->check(CLI::IsMember({"copy", "norms"}))
        ->capture_default_str();
    command->add_option("--compare", options->compare,
                        "Command that prints llama-bench's json or jsonl: run in turn with ours, prints the ratios");
    command->add_option("--rounds", options->rounds, "Rounds of --compare, the order switched each time")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    command->add_option("--device", options->device, "Device: cpu")->capture_default_str();
    command->add_option("--context-length", options->contextLength, "Tokens the cache can hold (0: as trained)")
        ->check(CLI::NonNegativeNumber);
    command->callback([options, &action] {
        if (const std::string wrong = checked(*options); !wrong.empty())
            throw CLI::ValidationError(wrong);
        action = [options] { return run(*options); };
    });
}

} // namespace ls::cli
