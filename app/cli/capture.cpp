#include "app/cli/context.h"
#include "core/data/vector_writer.h"

#include <fmt/format.h>

#include <filesystem>

namespace ls::cli {

namespace {

struct Options {
    std::string model, methods, out;
    std::vector<std::string> taps;
    PromptFlags prompt;
    EngineFlags engine;
    int generate = 0;
    bool tapGenerated = false;
};

/// A capture must not replace what it is a capture of.
Status checkNotOfModel(const std::string& out, const std::string& model)
{
    namespace fs = std::filesystem;
    std::error_code error; // of files that do not exist: then nothing is replaced
    const fs::path target = fs::canonical(out, error), source = fs::canonical(model, error);
    const bool part = target.parent_path() == source && target.extension() == ".safetensors";
    if (target.empty() || (target != source && !part))
        return success();
    return Error{
        Errc::FileNotWritable, fmt::format("{} belongs to the model that is read.", out), "Choose another file.", {}};
}

Result<int> run(const Options& options)
{
    Capture request;
    LS_TRY(request.methods, readMethods(options.methods));
    LS_TRY(request.prompt, options.prompt.read());
    request.taps = options.taps;
    request.generate = options.generate;
    request.tapGenerated = options.tapGenerated;
    LS_CHECK(checkWritable(options.out));
    LS_CHECK(checkNotOfModel(options.out, options.model));
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    request.requestId = open.process->nextRequestId();

    std::vector<std::pair<std::string, TensorBlob>> tensors;
    ProgressLine progress;
    LS_TRY(const ExperimentDone done, ask<ExperimentDone>(
                                          *open.process, request,
                                          [&](const EngineMessage& message) {
                                              progress.show(message);
                                              if (const auto* tensor = std::get_if<Tensor>(&message))
                                                  tensors.emplace_back(tensor->name, tensor->value);
                                          },
                                          &interrupted));
    progress.clear();
    LS_CHECK(writeSafetensors(options.out, tensors,
                              {{"model", open.model.name},
                               {"fingerprint", open.model.fingerprint},
                               {"dtype", open.model.dtype},
                               {"methods", jsonLine(toJson(request.methods))},
                               {"engine", open.process->ready().engine}}));
    fmt::print(stderr, "{} tensors in {}\n", tensors.size(), options.out);
    return 0;
}

} // namespace

void addCapture(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("capture", "Values inside the model, as a safetensors file");
    command->add_option("model", options->model, "Model file")->required();
    options->prompt.addTo(*command, false);
    command->add_option("--taps", options->taps, "Hook sites, with *: 'blocks.*.resid_post,logits'")
        ->delimiter(',')
        ->required();
    command->add_option("--methods", options->methods, "Method set (JSON file)");
    options->engine.addTo(*command);
    command->add_option("--generate", options->generate, "Greedy tokens after the prompt, end of text ignored")
        ->check(CLI::NonNegativeNumber);
    command->add_flag("--tap-generated", options->tapGenerated, "Taps cover generated positions too")
        ->needs("--generate");
    command->add_option("--out", options->out, "File to write")->required();
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
