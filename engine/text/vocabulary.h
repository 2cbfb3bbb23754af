#pragma once

#include "core/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ls {

/// Texts of the tokens by id, and ids by text.
class Vocabulary {
public:
    /// From a list: the id is the place. Of equal texts the first counts. Error: FileFormat (broken UTF-8).
    static Result<std::shared_ptr<const Vocabulary>> fromList(std::vector<std::string> texts);
    /// From pairs. Errors: FileFormat (a text or an id twice, ids far beyond the number of tokens, broken UTF-8).
    static Result<std::shared_ptr<const Vocabulary>> fromPairs(std::vector<std::pair<std::string, std::int64_t>> pairs);

    /// -1 if there is none.
    std::int32_t find(std::string_view text) const;
    /// Highest id + 1.
    std::int32_t size() const { return std::int32_t(m_present.size()); }
    bool has(std::int64_t id) const { return id >= 0 && id < size() && m_present[std::size_t(id)]; }
    /// Empty for an id without a token.
    std::string_view text(std::int32_t id) const
    {
        const std::size_t begin = m_begins[std::size_t(id)];
        return std::string_view(m_bytes).substr(begin, m_begins[std::size_t(id) + 1] - begin);
    }
    std::size_t longest() const { return m_longest; } ///< bytes of the longest text
    /// Ids of "<0x00>" ... "<0xFF>", -1 where there is none.
    std::vector<std::int32_t> byteTokens() const;

private:
    struct Slot {
        std::uint32_t hash = 0;
        std::int32_t id = -1; // -1 = free
    };
    Status take(std::vector<std::string> texts, bool repeatsAllowed);
    std::size_t place(std::string_view text, std::uint64_t hash) const;

    std::string m_bytes;                 // all texts, one after the other: a string each takes three times as much
    std::vector<std::uint32_t> m_begins; // [size + 1]
    std::vector<bool> m_present;
    std::vector<Slot> m_slots; // open addressing, at most half full
    std::size_t m_longest = 0;
};

using VocabularyPtr = std::shared_ptr<const Vocabulary>;

} // namespace ls
