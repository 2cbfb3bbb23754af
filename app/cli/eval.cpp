#include "app/cli/session_support.h"
#include "core/data/datasets.h"
#include "core/process/recorder.h"
#include "core/report/metrics.h"

#include <fmt/format.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, task = "truefalse", methods, session;
    EngineFlags engine;
    int limit = 0;
    bool asJson = false;
};

Result<int> run(const Options& options)
{
    LS_TRY(const MethodSet methods, readMethods(options.methods));
    auto task = options.task.ends_with(".csv") ? taskFromCsv(options.task) : taskByName(options.task);
    if (!task)
        return task.error();
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    LS_TRY(const SessionPtr session, openOrCreate(options.session));
    session->setProperty("environment", environmentOf(*open.process, open.model));
    ProgressLine progress;
    Recorder recorder(
        *open.process, *session, open.model, [&](const EngineMessage& message) { progress.show(message); },
        &interrupted);
    const auto done = recorder.experiment("accuracy", accuracyParams(task.value(), methods, options.limit));
    progress.clear();
    LS_CHECK(session->flush());
    if (!done)
        return done.error();
    const auto metrics = experimentMetrics(*done.value());
    const double chance = 100 * task.value().chance();
    if (options.asJson) {
        fmt::print("{}\n",
                   jsonLine({{"task", task.value().name}, {"chance", chance}, {"metrics", metricsJson(metrics)}}));
    } else {
        fmt::print("{}; guessing gives {:.1f} %\n", task.value().title, chance);
        printMetrics(metrics);
    }
    return 0;
}

} // namespace

void addEval(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("eval", "Accuracy of A and B on the same items, with intervals and paired test");
    command->add_option("model", options->model, "Model file")->required();
    command->add_option("--task", options->task, "truefalse, mmlu, mmlu/<subject>, or a CSV file")
        ->capture_default_str();
    command->add_option("--methods", options->methods, "Method set (JSON file) of lane B");
    command->add_option("--limit", options->limit, "Only the first items (0: all)")->check(CLI::NonNegativeNumber);
    command->add_option("--session", options->session, "Session file to store rows and numbers in");
    options->engine.addTo(*command);
    command->add_flag("--json", options->asJson, "One JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
