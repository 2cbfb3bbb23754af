#pragma once

#include "engine/text/added_tokens.h"
#include "engine/text/decoder.h"
#include "engine/text/post_processor.h"
#include "engine/text/pretokenizer.h"
#include "engine/text/subword_model.h"
#include "engine/text/tokenizer.h"

namespace ls {

/// The parts of a tokenizer, in the order in which a text goes through them.
struct Pipeline {
    VocabularyPtr vocabulary;
    AddedTokens added;
    std::unique_ptr<Normalizer> normalizer;     ///< may be null
    std::unique_ptr<Pretokenizer> pretokenizer; ///< may be null
    std::unique_ptr<SubwordModel> model;
    PostProcessor postProcessor;
    Decoder decoder;
    std::int32_t bos = -1, eos = -1;
    std::string fingerprint;
};

/// Error: FileFormat (an id of the post-processor without a token).
Result<std::unique_ptr<Tokenizer>> makeTokenizer(Pipeline parts);

} // namespace ls
