#include "app/cli/session_support.h"
#include "core/process/recorder.h"
#include "core/protocol/fields.h"
#include "core/report/metrics.h"

#include <fmt/format.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, methods, session;
    PromptFlags prompt;
    EngineFlags engine;
    SamplerSpec sampler;
    std::vector<std::string> probes;
    int maxTokens = 128;
    bool ignoreEos = false, asJson = false;
};

json laneJson(const LaneData& lane)
{
    std::vector<std::int32_t> ids;
    for (const TokenData& token : lane.tokens)
        if (token.origin == "generated")
            ids.push_back(token.id);
    json out{{"name", lane.name}, {"ids", ids}, {"text", lane.text()}, {"reason", lane.reason}};
    out["stages"] = fields::toJson(lane.stages);
    out["divergence"] = lane.divergence ? json(*lane.divergence) : json(nullptr);
    return out;
}

void print(const RunData& run, const Options& options)
{
    const auto metrics = runMetrics(run);
    if (options.asJson) {
        json out{{"run", run.id}, {"lanes", json::array()}, {"metrics", metricsJson(metrics)}};
        for (const LaneData& lane : run.lanes)
            out["lanes"].push_back(laneJson(lane));
        fmt::print("{}\n", jsonLine(out));
        return;
    }
    for (const LaneData& lane : run.lanes)
        fmt::print("{}: {}\n", lane.name, lane.text());
    fmt::print("\n");
    printMetrics(metrics);
}

Result<int> run(const Options& options)
{
    LS_TRY(const MethodSet methods, readMethods(options.methods));
    RunSpec spec;
    LS_TRY(spec.prompt, options.prompt.read());
    spec.sampler = options.sampler;
    spec.maxTokens = options.maxTokens;
    spec.ignoreEos = options.ignoreEos;
    spec.lanes = lanesFor(methods);
    spec.probes = options.probes;
    LS_CHECK(checkWritable(options.session));
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    LS_TRY(const SessionPtr session, openOrCreate(options.session));
    session->setProperty("environment", environmentOf(*open.process, open.model));
    ProgressLine progress;
    Recorder recorder(
        *open.process, *session, open.model, [&](const EngineMessage& message) { progress.show(message); },
        &interrupted);
    const auto done = recorder.generate(spec);
    progress.clear();
    Status saved = session->flush(); // what had arrived is kept, whatever happened
    // Also of a run that ended early: nothing else shows what a full disk did not take.
    if (const auto runs = session->runs(); !runs.empty() && !runs.back()->lanes.empty())
        print(*runs.back(), options);
    if (!done)
        return done.error();
    if (!saved)
        return Error{saved.error().code, saved.error().message,
                     "What was generated stands above. Make room, then run it again.", saved.error().detail};
    return 0;
}

} // namespace

void addRun(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("run", "Generate in lanes A and B and store everything in a session");
    command->add_option("model", options->model, "Model file")->required();
    options->prompt.addTo(*command, true);
    command->add_option("--session", options->session, "Session file (.lsdb); made, or added to")->required();
    command->add_option("--methods", options->methods, "Method set (JSON file) of lane B; A is dense");
    command->add_option("--probes", options->probes, "layer_norms,logit_lens,contextualisation,safety")->delimiter(',');
    command->add_option("-n,--max-tokens", options->maxTokens, "Tokens at most")->check(CLI::PositiveNumber);
    command->add_flag("--ignore-eos", options->ignoreEos, "Go on after the end of the text");
    addSampler(*command, options->sampler);
    options->engine.addTo(*command);
    command->add_flag("--json", options->asJson, "One JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
