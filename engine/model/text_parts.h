#pragma once

#include "engine/model/config.h"
#include "engine/model/model_file.h"

#include <memory>
#include <string>

namespace ls {

class Tokenizer;
class ChatTemplate;

/// What a model file brings along for text.
struct TextParts {
    std::unique_ptr<Tokenizer> tokenizer; ///< never null; see Model::tokenizer()
    Status status = success();            ///< why there is no real tokenizer
    std::unique_ptr<ChatTemplate> chatTemplate;
    std::string templateFingerprint;
};

/// Reads them and the special ids of the configuration. Errors: FileFormat of a damaged file; a vocabulary that is
/// missing or of an unknown kind is no error here.
Result<TextParts> readTextParts(const ModelFile& file, ModelConfig& config);

} // namespace ls
