#pragma once

#include "core/error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ls {

/// SentencePiece's compiled character map: a double-array trie (Darts) from byte strings to replacements.
class Precompiled {
public:
    /// Base64 of: trie length in bytes (u32), trie (u32 each, little-endian), replacements separated by NUL.
    /// Error: FileFormat.
    static Result<Precompiled> fromBase64(std::string_view text);
    /// Clusters of up to five bytes are looked up as a whole, else character by character; of the entries that begin
    /// the text looked up the shortest counts (what the reference does).
    Result<std::string> apply(std::string_view text) const;

private:
    /// False if nothing of the map begins `key`; else its replacement.
    bool find(std::string_view key, std::string_view& replacement) const;

    std::vector<std::uint32_t> m_units;
    std::string m_texts;
};

} // namespace ls
