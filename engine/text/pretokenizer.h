#pragma once

#include "engine/text/pattern.h"

#include <nlohmann/json_fwd.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ls {

/// A stretch of text that no token crosses. `first`: nothing of the whole text lies before it.
struct Piece {
    std::string_view text;
    bool first = false;
};

/// Pieces of one text, and the texts that were made for them.
struct Pieces {
    std::vector<Piece> list;
    std::deque<std::string> texts; ///< addresses stay

    std::string& newText(std::size_t room)
    {
        texts.emplace_back().reserve(room);
        return texts.back();
    }
};

/// Cuts pieces into smaller ones. Empty pieces vanish.
class Pretokenizer {
public:
    virtual ~Pretokenizer() = default;
    /// Error: FileFormat when a pattern takes too long.
    virtual Status apply(Pieces& pieces) const = 0;

    /// Null stays null: the whole text is one piece. Known: Split, ByteLevel, Digits, Punctuation, Whitespace,
    /// WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit, Metaspace, Sequence. Errors: FileFormat,
    /// TokenizerUnknown.
    static Result<std::unique_ptr<Pretokenizer>> fromJson(const nlohmann::json& json);
    /// Cut by the patterns one after the other, then written in the byte alphabet.
    static Result<std::unique_ptr<Pretokenizer>> byteLevel(const std::vector<std::string>& patterns);
};

/// GPT-2's: contractions, words, numbers and signs with the space before them, other spaces.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

} // namespace ls
