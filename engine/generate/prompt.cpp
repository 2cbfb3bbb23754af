#include "engine/generate/prompt.h"

#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

Result<std::string> renderMessages(const Model& model, const nlohmann::ordered_json& messages)
{
    if (!model.chatTemplate())
        return Error{Errc::TemplateFailed,
                     "This model has no chat template that can be used.",
                     "Write the prompt as plain text.",
                     {}};
    const Tokenizer& tokenizer = model.tokenizer();
    const auto textOf = [&](int id) { return id >= 0 ? tokenizer.bytes(id) : std::string(); };
    return model.chatTemplate()->render({{"messages", messages},
                                         {"add_generation_prompt", true},
                                         {"bos_token", textOf(model.config().bosId)},
                                         {"eos_token", textOf(model.config().eosId)}});
}

/// Tokens that end before the first user text begins.
int countTemplateTokens(const Tokenizer& tokenizer, const Prompt& prompt, const nlohmann::ordered_json& messages)
{
    std::size_t begin = std::string::npos;
    for (const auto& message : messages) {
        if (!message.is_object() || message.value("role", nlohmann::ordered_json()) != "user")
            continue;
        const auto content = message.find("content");
        if (content != message.end() && content->is_string())
            begin = prompt.rendered.find(content->get_ref<const std::string&>());
        break;
    }
    if (begin == std::string::npos)
        return 0;
    const std::vector<std::size_t> ends = tokenEnds(tokenizer, prompt.ids, prompt.rendered);
    return int(std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin());
}

} // namespace

Result<Prompt> preparePrompt(const Model& model, const PromptSpec& spec, int room)
{
    const Tokenizer& tokenizer = model.tokenizer();
    Prompt prompt;
    if (!spec.ids.empty()) {
        for (const std::int32_t id : spec.ids)
            if (id < 0 || id >= model.config().vocabSize)
                return Error{Errc::InvalidParameter,
                             fmt::format("The token id {} does not exist.", id),
                             fmt::format("Ids of this model go from 0 to {}.", model.config().vocabSize - 1),
                             {}};
        prompt.ids = spec.ids;
        prompt.rendered = tokenizer.decode(spec.ids);
    } else if (spec.messages.is_array() && !spec.messages.empty()) {
        LS_CHECK(model.needsText());
        LS_TRY(prompt.rendered, renderMessages(model, spec.messages));
        LS_TRY(prompt.ids, tokenizer.tokenize(prompt.rendered));
        const int bos = model.config().bosId; // a template that writes BOS itself, and a post-processor that adds it
        if (prompt.ids.size() > 1 && bos >= 0 && prompt.ids[0] == bos && prompt.ids[1] == bos)
            prompt.ids.erase(prompt.ids.begin());
        prompt.templateTokens = countTemplateTokens(tokenizer, prompt, spec.messages);
    } else {
        prompt.rendered = spec.text;
        if (!spec.text.empty()) {
            LS_CHECK(model.needsText());
            LS_TRY(prompt.ids, tokenizer.tokenize(spec.text));
        }
    }
    if (prompt.ids.empty())
        return Error{Errc::PromptEmpty, "The prompt is empty.", "Write a prompt first.", {}};
    const int limit = model.info().contextLength;
    if (std::int64_t(prompt.ids.size()) + room > limit)
        return Error{
            Errc::PromptTooLong,
            fmt::format("The prompt has {} tokens, the context {}; {} must stay free.", prompt.ids.size(), limit, room),
            "Shorten the prompt, or open the model with a larger context.",
            {}};
    return prompt;
}

} // namespace ls
