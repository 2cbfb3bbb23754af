#include "app/cli/context.h"
#include "core/stats/summary.h"

#include <fmt/format.h>

#include <map>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, methods;
    EngineFlags engine;
    std::vector<std::string> tests{"pp512", "tg128"};
    int repetitions = 5, warmup = 1;
    bool asJson = false;
};

/// (test, lane) -> tokens per second of each repetition, in the order they ran.
using Rates = std::map<std::pair<std::string, std::string>, std::vector<double>>;

void printTable(const Rates& rates, const json& machine)
{
    fmt::print("{:<16} {:<5} {:>12} {:>10} {:>4}\n", "test", "lane", "mean tok/s", "sd", "n");
    for (const auto& [key, values] : rates)
        fmt::print("{:<16} {:<5} {:>12.2f} {:>10.2f} {:>4}\n", key.first, key.second, mean(values), sampleSd(values),
                   values.size());
    fmt::print(stderr, "device {}, {}, {} threads\n", machine.value("device", "?"), machine.value("dtype", "?"),
               machine.value("threads", 0));
}

void printJson(const Rates& rates, const json& machine)
{
    json out = machine;
    out["tests"] = json::array();
    for (const auto& [key, values] : rates)
        out["tests"].push_back({{"test", key.first},
                                {"lane", key.second},
                                {"tokens_per_second", mean(values)},
                                {"sd", sampleSd(values)},
                                {"n", values.size()},
                                {"values", values}});
    fmt::print("{}\n", jsonLine(out));
}

Result<int> run(const Options& options)
{
    LS_TRY(const MethodSet methods, readMethods(options.methods));
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    const json lanes = methods.empty() ? json{"A"} : json{"A", "B"};
    const RunExperiment request{open.process->nextRequestId(), "bench",
                                json{{"tests", options.tests},
                                     {"n", options.repetitions},
                                     {"warmup", options.warmup},
                                     {"methods", toJson(methods)},
                                     {"lanes", lanes}}};
    ProgressLine progress;
    Rates rates;
    LS_TRY(const ExperimentDone done,
           ask<ExperimentDone>(
               *open.process, request,
               [&](const EngineMessage& message) {
                   progress.show(message);
                   if (const auto* row = std::get_if<ExperimentRow>(&message)) {
                       const double seconds = row->row.value("seconds", 0.0);
                       if (seconds > 0)
                           rates[{row->row.value("test", ""), row->row.value("lane", "")}].push_back(
                               row->row.value("tokens", 0.0) / seconds);
                   }
               },
               &interrupted));
    progress.clear();
    if (options.asJson)
        printJson(rates, done.result);
    else
        printTable(rates, done.result);
    return 0;
}

} // namespace

void addBench(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("bench", "Speed: mean and standard deviation over repetitions");
    command->add_option("model", options->model, "Model file")->required();
    command->add_option("--tests", options->tests, "ppN: prompt of N ids; tgN: N generated; tgN@dM: at depth M")
        ->delimiter(',')
        ->check([](const std::string& test) {
            const bool good = test.size() > 2 && (test.starts_with("pp") || test.starts_with("tg")) && test[2] >= '1' &&
                              test[2] <= '9';
            return good ? std::string() : "\"" + test + "\" is no test such as pp512 or tg128";
        })
        ->capture_default_str();
    command->add_option("-n,--repetitions", options->repetitions, "Repetitions, at least 5")
        ->check(CLI::Range(5, 1000))
        ->capture_default_str();
    command->add_option("--warmup", options->warmup, "Repetitions that are not counted")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command->add_option("--methods", options->methods, "Method set (JSON file): measured as lane B beside A");
    options->engine.addTo(*command);
    command->add_flag("--json", options->asJson, "One JSON object");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
