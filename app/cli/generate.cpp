#include "app/cli/context.h"
#include "core/protocol/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ls::cli {

namespace {

using nlohmann::json;

struct Options {
    std::string model, methods;
    PromptFlags prompt;
    EngineFlags engine;
    SamplerSpec sampler;
    int maxTokens = 128;
    bool ignoreEos = false, asJson = false;
};

/// Collects what --json prints; without it the text is printed as it comes.
class Reply {
public:
    explicit Reply(bool asJson)
        : m_asJson(asJson)
    {
    }
    Result<Heard> hear(const EngineMessage& message, std::uint32_t id)
    {
        if (const auto* token = std::get_if<Token>(&message); token && token->origin == "generated")
            take(*token);
        if (const auto* refused = std::get_if<Unavailable>(&message); refused && refused->requestId == id)
            return refused->error();
        if (const auto* stages = std::get_if<Stages>(&message))
            m_stages += stages->since;
        if (const auto* done = std::get_if<LaneDone>(&message)) {
            m_ttftUs = done->ttftUs;
            m_events.push_back({{"kind", "done"},
                                {"reason", done->reason},
                                {"generated", done->generated},
                                {"tokens_per_second", done->tokensPerSecond}});
        }
        return std::holds_alternative<GenerationDone>(message) ? Heard::Done : Heard::More;
    }
    void methodsApplied(int position, const MethodSet& methods)
    {
        if (!methods.empty())
            m_events.push_back({{"kind", "methods"}, {"position", position}, {"methods", toJson(methods)}});
    }
    void print() const
    {
        if (m_asJson)
            fmt::print("{}\n", jsonLine({{"ids", m_ids},
                                         {"text", m_text},
                                         {"logprobs", m_logprobs},
                                         {"ttft_us", m_ttftUs},
                                         {"token_us", m_tokenUs},
                                         {"stages", fields::toJson(m_stages)},
                                         {"events", m_events}}));
        else if (m_text.empty() && !m_ids.empty()) // a model without a vocabulary
            fmt::print("{}\n", fmt::join(m_ids, ","));
        else if (!m_text.ends_with('\n'))
            fmt::print("\n");
    }

private:
    void take(const Token& token)
    {
        m_ids.push_back(token.id);
        m_text += token.text;
        m_logprobs.push_back(token.logprob);
        m_tokenUs.push_back(token.stepUs);
        if (m_asJson)
            return;
        fmt::print("{}", token.text);
        std::fflush(stdout);
    }

    bool m_asJson;
    std::vector<std::int32_t> m_ids;
    std::string m_text;
    std::vector<float> m_logprobs;
    std::vector<std::int64_t> m_tokenUs;
    std::int64_t m_ttftUs = 0;
    LaneStages m_stages;
    json m_events = json::array();
};

Result<int> run(const Options& options)
{
    Generate request;
    LaneSpec lane;
    LS_TRY(lane.methods, readMethods(options.methods));
    LS_TRY(request.prompt, options.prompt.read());
    request.lanes = {lane};
    request.sampler = options.sampler;
    request.maxTokens = options.maxTokens;
    request.ignoreEos = options.ignoreEos;
    LS_TRY(OpenEngine open, openModel(options.model, options.engine));
    request.requestId = open.process->nextRequestId();
    Reply reply(options.asJson);
    reply.methodsApplied(0, lane.methods);
    const Status status = converse(
        *open.process, request, [&](const EngineMessage& message) { return reply.hear(message, request.requestId); },
        &interrupted);
    if (!status && status.error().code != Errc::Cancelled)
        return status.error();
    reply.print(); // after Ctrl-C too: what was generated is the result
    if (!status)
        fmt::print(stderr, "layerscope-cli: Stopped; what stands above was generated until then.\n");
    return status ? 0 : 1;
}

} // namespace

void addGenerate(CLI::App& app, Action& action)
{
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("generate", "Continue a prompt");
    command->add_option("model", options->model, "Model file")->required();
    options->prompt.addTo(*command, true);
    command->add_option("-n,--max-tokens", options->maxTokens, "Tokens at most")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_flag("--ignore-eos", options->ignoreEos, "Go on after the end of the text");
    command->add_option("--methods", options->methods, "Method set (JSON file)");
    addSampler(*command, options->sampler);
    options->engine.addTo(*command);
    command->add_flag("--json", options->asJson, "One JSON object with ids, text, logprobs, times and events");
    command->callback([options, &action] { action = [options] { return run(*options); }; });
}

} // namespace ls::cli
