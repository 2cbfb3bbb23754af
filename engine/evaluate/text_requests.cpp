#include "engine/evaluate/text_requests.h"

#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

namespace ls {

namespace {

Error noModel()
{
    return {Errc::FileNotFound, "No model is open.", "Open a model first, or name a file.", {}};
}

} // namespace

Result<Tokenized> tokenizeTexts(const Model* model, const TokenizeText& request)
{
    std::unique_ptr<Tokenizer> own;
    if (!request.path.empty()) {
        LS_TRY(own, Tokenizer::open(request.path));
    } else if (!model) {
        return noModel();
    } else {
        LS_CHECK(model->needsText());
    }
    const Tokenizer& tokenizer = own ? *own : model->tokenizer();
    Tokenized tokenized{request.requestId, {}, {}};
    for (const std::string& text : request.texts) {
        LS_TRY(tokenized.ids.emplace_back(), tokenizer.tokenize(text, request.special));
        tokenized.decoded.push_back(tokenizer.decode(tokenized.ids.back()));
    }
    return tokenized;
}

Result<Rendered> renderChats(const Model* model, const RenderChat& request)
{
    std::unique_ptr<ChatTemplate> own;
    std::string mistake; // of the template: every context gets it, as if it failed while rendering
    if (!request.source.empty()) {
        if (auto parsed = ChatTemplate::parse(request.source))
            own = std::move(parsed).value();
        else
            mistake = parsed.error().message;
    } else if (!model) {
        return noModel();
    } else if (!model->chatTemplate()) {
        return Error{
            Errc::TemplateFailed, "This model has no chat template that can be used.", "Name a template file.", {}};
    }
    const ChatTemplate* chat = own || !mistake.empty() ? own.get() : model->chatTemplate();
    const auto special = [&](const std::string& given, int id) {
        return given.empty() && model && id >= 0 ? model->tokenizer().bytes(id) : given;
    };
    Rendered rendered{request.requestId};
    for (nlohmann::ordered_json context : request.contexts) {
        if (!context.is_object())
            return Error{Errc::InvalidParameter,
                         "A chat context must be a map with \"messages\".",
                         "See docs/experiments.md.",
                         {}};
        const auto fill = [&](const char* key, const std::string& value) {
            if (!context.contains(key)) // what the context says wins
                context[key] = value;
        };
        fill("bos_token", special(request.bosToken, model ? model->config().bosId : -1));
        fill("eos_token", special(request.eosToken, model ? model->config().eosId : -1));
        if (!request.now.empty())
            fill("strftime_now", request.now);
        if (!chat) {
            rendered.results.push_back({{"error", mistake}});
            continue;
        }
        auto text = chat->render(context);
        rendered.results.push_back(text ? nlohmann::json{{"rendered", text.value()}}
                                        : nlohmann::json{{"error", text.error().message}});
    }
    return rendered;
}

} // namespace ls
