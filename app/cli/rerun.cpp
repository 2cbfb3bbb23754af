#include "app/cli/session_support.h"
#include "core/process/recorder.h"
#include "core/report/compare.h"
#include "core/report/metrics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string file, model, out;
    int threads = 0;
    bool asJson = false;
};

/// What differs between the machine that made the numbers and this one: the reasons to look at first.
std::vector<std::string> environmentDifferences(const json& before, const json& now)
{
    std::vector<std::string> out;
    if (!before.is_object())
        return {"the session does not say on which build and device it was made"};
    for (const auto& [key, value] : now.items())
        if (before.contains(key) && before[key] != value)
            out.push_back(fmt::format("{}: {}, now {}", key, jsonLine(before[key]), jsonLine(value)));
    return out;
}

/// Why a run of the session is not run again; empty if it is.
std::string unfinished(const RunData& run)
{
    if (run.failure)
        return fmt::format("run {} failed: {}", run.id, run.failure->message);
    for (const LaneData& lane : run.lanes)
        if (lane.reason != "eos" && lane.reason != "length" && lane.reason != "context")
            return fmt::format("run {} was not finished (lane {}: {})", run.id, lane.name,
                               lane.reason.empty() ? "still running" : lane.reason);
    return run.lanes.empty() ? fmt::format("run {} has no lanes", run.id) : std::string();
}

void print(const std::vector<Comparison>& all, const std::vector<std::string>& skipped,
           const std::vector<std::string>& reasons, bool asJson)
{
    json lines = json::array();
    for (const Comparison& each : all) {
        lines.push_back({{"what", each.what}, {"verdict", verdictName(each.verdict)}, {"detail", each.detail}});
        if (!asJson)
            fmt::print("{:<14} {}{}\n", verdictName(each.verdict), each.what,
                       each.detail.empty() ? "" : "  (" + each.detail + ")");
    }
    if (asJson)
        return fmt::print("{}\n", jsonLine({{"comparisons", lines}, {"skipped", skipped}, {"environment", reasons}}));
    for (const std::string& run : skipped)
        fmt::print("not compared   {}\n", run);
    for (const std::string& reason : reasons)
        fmt::print("environment    {}\n", reason);
}

Result<int> run(const Options& options)
{
    LS_TRY(const SessionPtr before, Session::open(options.file, true));
    const auto models = before->models();
    if (before->runs().empty() && before->experiments().empty())
        return Error{Errc::DataTooFew,
                     fmt::format("{} holds nothing that could be run again.", options.file),
                     "Choose a session with a generation or an experiment.",
                     {}};
    if (models.empty())
        return Error{
            Errc::SessionDamaged, fmt::format("{} names no model.", options.file), "Choose another session.", {}};
    std::vector<std::string> skipped;
    // Each run as it was run; experiments, which do not name their model, as the newest.
    ModelInfo old = models.back();
    const auto reopen = [&] {
        EngineFlags flags;
        flags.device = old.device;
        flags.dtype = old.dtype;
        flags.contextLength = old.contextLength;
        flags.threads = options.threads;
        return openModel(options.model.empty() ? old.path : options.model, flags);
    };
    LS_TRY(OpenEngine open, reopen());
    LS_TRY(const SessionPtr after, Session::create(options.out));
    const json environment = environmentOf(*open.process, open.model);
    after->setProperty("environment", environment);
    ProgressLine progress;
    const auto recorder = [&] {
        return Recorder(
            *open.process, *after, open.model, [&](const EngineMessage& message) { progress.show(message); },
            &interrupted);
    };
    std::vector<Comparison> all;
    const auto add = [&](std::vector<Comparison> more) { all.insert(all.end(), more.begin(), more.end()); };
    // Experiments first: calibrations among them are what the live probes of the runs need.
    for (const ExperimentData* past : before->experiments()) {
        if (past->state != "done")
            continue;
        progress.show("experiment " + past->kind);
        LS_TRY(const ExperimentData* now, recorder().experiment(past->kind, past->params));
        add(compareMetrics(experimentMetrics(*past), experimentMetrics(*now)));
    }
    for (const RunData* past : before->runs()) {
        if (std::string why = unfinished(*past); !why.empty()) {
            skipped.push_back(std::move(why));
            continue;
        }
        const ModelInfo& its = past->model;
        if (its.path != old.path || its.device != old.device || its.dtype != old.dtype ||
            its.contextLength != old.contextLength) {
            old = its;
            LS_TRY(open, reopen());
        }
        progress.show(fmt::format("run {}", past->id));
        LS_TRY(const RunData* now, recorder().generate(past->spec));
        add(compareRuns(*past, *now));
        add(compareMetrics(runMetrics(*past), runMetrics(*now)));
    }
    progress.clear();
    LS_CHECK(after->flush());
    if (all.empty())
        return Error{
            Errc::DataTooFew,
            fmt::format("Nothing in {} can be compared: {}.", options.file,
                        skipped.empty() ? "no experiment was finished" : fmt::format("{}", fmt::join(skipped, "; "))),
            "Generate again, then rerun.",
            {}};
    print(all, skipped, environmentDifferences(before->property("environment"), environment), options.asJson);
    for (const Comparison& each : all)
        if (each.verdict == Verdict::Different)
            return 1;
    return 0;
}

} // namespace

void addRerun(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("rerun", "Run a session's spec again and say what differs; 1 if anything does");
    command->add_option("session", options->file, "Session file (.lsdb); it is not changed")->required();
    command->add_option("--model", options->model, "Model file, if it is elsewhere now");
    command->add_option("--out", options->out, "Store the new results in this session file");
    command->add_option("--threads", options->threads, "Threads (0: all cores)")->check(CLI::NonNegativeNumber);
    command->add_flag("--json", options->asJson, "One JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
