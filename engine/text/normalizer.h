#pragma once

#include "core/error.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>

namespace ls {

/// What happens to a text before it is cut into pieces.
class Normalizer {
public:
    virtual ~Normalizer() = default;
    /// Errors: FileFormat when a pattern takes too long or the text grows without measure.
    virtual Result<std::string> apply(std::string text) const = 0;
    /// Null stays null: nothing happens. Known: NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend,
    /// ByteLevel, Nmt, Precompiled, Sequence. Errors: FileFormat, TokenizerUnknown.
    static Result<std::unique_ptr<Normalizer>> fromJson(const nlohmann::json& json);
    static std::unique_ptr<Normalizer> nfc();
    /// Llama 2's: a space in front, and spaces as "▁".
    static Result<std::unique_ptr<Normalizer>> sentencePiece(bool spaceInFront);
};

} // namespace ls
