#pragma once

#include "core/protocol/messages.h"
#include "engine/model/model.h"

/// Requests about text alone: nothing is computed by the model. `model` may be null.
namespace ls {

/// By the tokenizer of the open model, or of `path`: a GGUF file, a tokenizer.json or a folder with one.
Result<Tokenized> tokenizeTexts(const Model* model, const TokenizeText& request);
/// By `source` or the open model's template. bosToken, eosToken and now fill what a context does not say itself.
Result<Rendered> renderChats(const Model* model, const RenderChat& request);

} // namespace ls
