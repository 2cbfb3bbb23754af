#pragma once

#include "core/protocol/messages.h"
#include "engine/model/model.h"

/// From what the user wrote to ids.
namespace ls {

struct Prompt {
    std::vector<std::int32_t> ids;
    std::string rendered;   ///< the text that was tokenised; decoded ids when ids were given
    int templateTokens = 0; ///< leading tokens that come from the chat template before the first user text
};

/// Ids as they are, else messages through the chat template (generation prompt added), else the text.
/// Errors: PromptEmpty, TemplateFailed (or no template), InvalidParameter for an id outside the vocabulary,
/// PromptTooLong when `room` more tokens would not fit into the context.
Result<Prompt> preparePrompt(const Model& model, const PromptSpec& spec, int room = 1);

} // namespace ls
