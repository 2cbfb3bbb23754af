#include "engine/text/vocabulary.h"

#include "engine/text/byte_level.h"
#include "engine/text/salt.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace ls {

namespace {

Error damaged(std::string message, std::string detail = {})
{
    return {Errc::FileFormat, std::move(message), "The file is damaged, or was converted wrongly.", std::move(detail)};
}

std::uint64_t hashOf(std::string_view text)
{
    return XXH3_64bits_withSeed(text.data(), text.size(), hashSalt());
}

} // namespace

/// Where the text is, or would be. The lower half of the hash is kept, the upper half is the place.
std::size_t Vocabulary::place(std::string_view text, std::uint64_t hash) const
{
    const std::size_t mask = m_slots.size() - 1;
    std::size_t at = (hash >> 32) & mask;
    while (m_slots[at].id >= 0 && (m_slots[at].hash != std::uint32_t(hash) || this->text(m_slots[at].id) != text))
        at = (at + 1) & mask;
    return at;
}

std::int32_t Vocabulary::find(std::string_view text) const
{
    return m_slots[place(text, hashOf(text))].id;
}

/// m_present says which ids count.
Status Vocabulary::take(std::vector<std::string> texts, bool repeatsAllowed)
{
    std::size_t bytes = 0;
    for (const std::string& text : texts)
        bytes += text.size();
    if (bytes > std::numeric_limits<std::uint32_t>::max())
        return damaged("The texts of the vocabulary are longer than 4 GB together.");
    m_bytes.reserve(bytes);
    m_begins.reserve(texts.size() + 1);
    m_begins.push_back(0);
    for (const std::string& text : texts) {
        m_bytes += text;
        m_begins.push_back(std::uint32_t(m_bytes.size()));
    }
    std::vector<std::string>().swap(texts); // before the table of ids is made: that is the peak
    m_slots.resize(std::bit_ceil(2 * m_present.size() + 2));
    for (std::int32_t id = 0; id < size(); ++id) {
        if (!has(id))
            continue;
        const std::string_view own = text(id);
        if (!isValidUtf8(own))
            return damaged(fmt::format("Token {} of the vocabulary is not valid UTF-8.", id));
        const std::uint64_t hash = hashOf(own);
        Slot& slot = m_slots[place(own, hash)];
        if (slot.id >= 0 && !repeatsAllowed)
            return damaged("The vocabulary holds a token twice.", repairUtf8(own.substr(0, 200)));
        if (slot.id < 0)
            slot = {std::uint32_t(hash), id};
        m_longest = std::max(m_longest, own.size());
    }
    return success();
}

Result<VocabularyPtr> Vocabulary::fromList(std::vector<std::string> texts)
{
    auto vocabulary = std::make_shared<Vocabulary>();
    vocabulary->m_present.assign(texts.size(), true);
    LS_CHECK(vocabulary->take(std::move(texts), true));
    return VocabularyPtr(std::move(vocabulary));
}

Result<VocabularyPtr> Vocabulary::fromPairs(std::vector<std::pair<std::string, std::int64_t>> pairs)
{
    // Published files have few holes; a single huge id must not make a huge table.
    const auto limit = std::int64_t(8 * pairs.size() + (1 << 16));
    std::int64_t highest = -1;
    for (const auto& [text, id] : pairs) {
        if (id < 0 || id >= limit)
            return damaged(fmt::format("The token id {} is out of range.", id), repairUtf8(text.substr(0, 200)));
        highest = std::max(highest, id);
    }
    auto vocabulary = std::make_shared<Vocabulary>();
    std::vector<std::string> texts(std::size_t(highest + 1));
    vocabulary->m_present.resize(std::size_t(highest + 1));
    for (auto& [text, id] : pairs) {
        if (vocabulary->m_present[std::size_t(id)])
            return damaged(fmt::format("The token id {} is given twice.", id), repairUtf8(text.substr(0, 200)));
        vocabulary->m_present[std::size_t(id)] = true;
        texts[std::size_t(id)] = std::move(text);
    }
    LS_CHECK(vocabulary->take(std::move(texts), false));
    return VocabularyPtr(std::move(vocabulary));
}

std::vector<std::int32_t> Vocabulary::byteTokens() const
{
    std::vector<std::int32_t> ids;
    for (int byte = 0; byte < 256; ++byte)
        ids.push_back(find(fmt::format("<0x{:02X}>", byte)));
    return ids;
}

} // namespace ls
