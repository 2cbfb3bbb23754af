#include "app/cli/context.h"

#include <fmt/format.h>

#include <iostream>

namespace ls::cli {

namespace {

using nlohmann::json;

constexpr std::size_t kBatch = 256;

struct Options {
    std::string model, templateFile, bos, eos, now;
};

Result<int> run(const Options& options)
{
    RenderChat request;
    request.bosToken = options.bos;
    request.eosToken = options.eos;
    request.now = options.now;
    EnginePtr engine;
    if (options.model.empty()) {
        LS_TRY(request.source, readText(options.templateFile));
        LS_TRY(engine, startEngine());
    } else {
        LS_TRY(OpenEngine open, openModel(options.model, {}));
        engine = std::move(open.process);
    }
    LS_CHECK(readJsonLines(std::cin, kBatch, [&](const std::vector<nlohmann::ordered_json>& lines) -> Status {
        request.requestId = engine->nextRequestId();
        request.contexts = lines;
        LS_TRY(const Rendered answer, ask<Rendered>(*engine, request, {}, &interrupted));
        for (const json& result : answer.results)
            fmt::print("{}\n", jsonLine(result));
        return success();
    }));
    return 0;
}

} // namespace

void addRenderChat(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand(
        "render-chat", "Chat templates: JSONL contexts {\"messages\", ...} in, {\"rendered\"} or {\"error\"} out");
    auto* source = command->add_option_group("template", "Exactly one of these");
    source->add_option("--model", options->model, "Model whose template is used");
    source->add_option("--template", options->templateFile, "Template file");
    source->require_option(1);
    command->add_option("--bos", options->bos, "bos_token, unless the context has one");
    command->add_option("--eos", options->eos, "eos_token, unless the context has one");
    command->add_option("--now", options->now, "What strftime_now answers, unless the context says");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
