#include "app/cli/context.h"

#include <fmt/format.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, file, methods;
    EngineFlags engine;
    int context = 0, stride = 0, maxTokens = 0;
    bool asJson = false;
};

Result<int> run(const Options& options)
{
    LS_TRY(const MethodSet methods, readMethods(options.methods));
    LS_TRY(const std::string text, readText(options.file));
    if (text.empty())
        return Error{Errc::DataTooFew, fmt::format("{} is empty.", options.file), "Choose a longer text.", {}};
    LS_CHECK(checkUtf8(text, options.file));
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    const char* lane = methods.empty() ? "A" : "B";
    const RunExperiment request{open.process->nextRequestId(), "perplexity",
                                json{{"text", text},
                                     {"methods", toJson(methods)},
                                     {"lanes", {lane}},
                                     {"context", options.context},
                                     {"stride", options.stride},
                                     {"max_tokens", options.maxTokens}}};
    ProgressLine progress;
    LS_TRY(const ExperimentDone done,
           ask<ExperimentDone>(
               *open.process, request, [&](const EngineMessage& message) { progress.show(message); }, &interrupted));
    progress.clear();
    const auto result = done.result.find(lane);
    if (result == done.result.end() || !result->is_object() || !result->contains("ppl"))
        return Error{Errc::ProtocolMessage, "The engine's answer holds no perplexity.",
                     "Start both programs from the same installation.", jsonLine(done.result)};
    if (options.asJson)
        fmt::print("{}\n", jsonLine(*result));
    else
        fmt::print("perplexity {:.4f}  ({:.5f} nats/token over {} tokens)\n", result->value("ppl", 0.0),
                   result->value("nll", 0.0), result->value("tokens", std::int64_t(0)));
    return 0;
}

} // namespace

void addPerplexity(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("perplexity", "How well a model predicts a text");
    command->add_option("model", options->model, "Model file")->required();
    command->add_option("--file", options->file, "Text, taken as it is")->required();
    command->add_option("--methods", options->methods, "Method set (JSON file)");
    command->add_option("--context", options->context, "Ids in a window (0: the model's context)")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--stride", options->stride, "Ids from window to window (0: as many as it holds)")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--max-tokens", options->maxTokens, "Only the first ids of the text (0: all)")
        ->check(CLI::NonNegativeNumber);
    options->engine.addTo(*command);
    command->add_flag("--json", options->asJson, "One JSON object: ppl, nll, tokens");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
