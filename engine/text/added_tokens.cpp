#include "engine/text/added_tokens.h"

#include "engine/text/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

constexpr std::size_t kLongest = 4096; // bytes; longest published: runs of some hundred spaces

/// The character that ends at `end` (> 0).
char32_t characterBefore(std::string_view text, std::size_t end)
{
    std::size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
        --begin;
    return nextCharacter(text, begin);
}

bool insideWord(std::string_view text, std::size_t begin, std::size_t end)
{
    if (begin > 0 && isWordCharacter(characterBefore(text, begin)))
        return true;
    return end < text.size() && isWordCharacter(nextCharacter(text, end));
}

std::size_t beforeSpaces(std::string_view text, std::size_t from, std::size_t atLeast)
{
    while (from > atLeast) {
        const char32_t c = characterBefore(text, from);
        if (!isWhitespace(c))
            break;
        --from;
        while (from > atLeast && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80)
            --from;
    }
    return from;
}

std::size_t behindSpaces(std::string_view text, std::size_t from)
{
    for (std::size_t at = from; at < text.size(); from = at)
        if (!isWhitespace(nextCharacter(text, at)))
            break;
    return from;
}

} // namespace

Result<AddedTokens> AddedTokens::make(std::vector<AddedToken> tokens, const Normalizer* normalizer)
{
    AddedTokens added;
    added.m_tokens = std::move(tokens);
    added.m_normalised.resize(added.m_tokens.size());
    for (std::size_t place = 0; place < added.m_tokens.size(); ++place) {
        const AddedToken& token = added.m_tokens[place];
        if (token.text.size() > kLongest)
            return Error{Errc::FileFormat, fmt::format("An added token is longer than {} bytes.", kLongest),
                         "The file is damaged. Fetch it again.", fmt::format("id {}", token.id)};
        added.m_places[token.id] = place;
        if (!token.normalized) {
            added.m_plainTrie.add(token.text, std::int32_t(place));
            added.m_hasPlain = true;
            continue;
        }
        std::string text = token.text;
        if (normalizer) {
            LS_TRY(text, normalizer->apply(std::move(text)));
        }
        added.m_normalisedTrie.add(text, std::int32_t(place));
        added.m_hasNormalised = true;
        if (text != token.text)
            added.m_normalised[place] = std::move(text);
    }
    return added;
}

const AddedToken* AddedTokens::find(std::int32_t id) const
{
    const auto found = m_places.find(id);
    return found == m_places.end() ? nullptr : &m_tokens[found->second];
}

const std::string& AddedTokens::decodedFrom(const AddedToken& token) const
{
    const std::string& normalised = m_normalised[std::size_t(&token - m_tokens.data())];
    return normalised.empty() ? token.text : normalised;
}

void AddedTokens::split(std::string_view text, bool normalizedText, bool special,
                        const std::function<void(std::string_view)>& onText,
                        const std::function<void(std::int32_t)>& onToken) const
{
    const ByteTrie& trie = normalizedText ? m_normalisedTrie : m_plainTrie;
    std::size_t done = 0;
    const bool any = normalizedText ? m_hasNormalised : m_hasPlain;
    for (std::size_t at = 0; any && at < text.size();) {
        std::int32_t place = -1;
        std::size_t length = 0;
        trie.forEachPrefix(text.substr(at), [&](std::size_t bytes, std::int32_t found) {
            place = found;
            length = bytes;
        });
        if (place < 0) {
            ++at;
            continue;
        }
        const AddedToken& token = m_tokens[std::size_t(place)];
        std::size_t begin = at, end = at + length;
        at = end;
        if ((token.special && !special) || (token.singleWord && insideWord(text, begin, end)))
            continue; // its text stays text; the search goes on behind it
        if (token.stripsLeft)
            begin = beforeSpaces(text, begin, done);
        if (token.stripsRight)
            end = behindSpaces(text, end);
        if (begin > done)
            onText(text.substr(done, begin - done));
        onToken(token.id);
        done = end;
    }
    if (done < text.size())
        onText(text.substr(done));
}

} // namespace ls
