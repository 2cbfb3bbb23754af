#pragma once

#include "engine/text/byte_trie.h"
#include "engine/text/normalizer.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ls {

/// A token that is found in the text itself, before anything is cut or merged.
struct AddedToken {
    std::int32_t id = -1;
    std::string text;
    bool special = false;    ///< not found when special tokens are text
    bool normalized = false; ///< looked for in the normalised text, and normalised itself
    bool singleWord = false; ///< not inside a word
    bool stripsLeft = false; ///< takes the spaces before it
    bool stripsRight = false;
};

class AddedTokens {
public:
    /// Errors: FileFormat (a token longer than a page of text), those of the normalizer.
    static Result<AddedTokens> make(std::vector<AddedToken> tokens, const Normalizer* normalizer);

    /// Calls onText or onToken for every part of the text in order. At every place the longest token counts.
    /// special = false: special tokens are text.
    void split(std::string_view text, bool normalizedText, bool special,
               const std::function<void(std::string_view)>& onText,
               const std::function<void(std::int32_t)>& onToken) const;

    const AddedToken* find(std::int32_t id) const;
    const std::vector<AddedToken>& all() const { return m_tokens; }
    /// Text that decoding begins with: the normalised one where the token is normalised.
    const std::string& decodedFrom(const AddedToken& token) const;

private:
    std::vector<AddedToken> m_tokens;
    std::vector<std::string> m_normalised; ///< by place in m_tokens; empty: as it is
    std::unordered_map<std::int32_t, std::size_t> m_places;
    ByteTrie m_plainTrie, m_normalisedTrie; ///< to places in m_tokens
    bool m_hasPlain = false, m_hasNormalised = false;
};

} // namespace ls
