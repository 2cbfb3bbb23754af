#include "engine/text/merging.h"
#include "engine/text/pair_map.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

class Bpe final : public SubwordModel {
public:
    Bpe(VocabularyPtr vocabulary, BpeSettings settings, std::size_t mergeCount)
        : m_vocabulary(std::move(vocabulary))
        , m_settings(std::move(settings))
        , m_merges(mergeCount)
        , m_byteTokens(m_settings.byteFallback ? m_vocabulary->byteTokens() : std::vector<std::int32_t>())
    {
        for (char32_t c = 0; c < kCommon; ++c) {
            std::string text;
            appendCharacter(text, c);
            m_common.push_back(m_vocabulary->find(text));
        }
    }

    Status add(std::int32_t rank, const std::string& left, const std::string& right)
    {
        const std::int32_t leftId = m_vocabulary->find(left), rightId = m_vocabulary->find(right);
        const bool whole = leftId >= 0 && rightId >= 0 && right.size() >= m_settings.prefix.size();
        const std::int32_t id =
            whole ? m_vocabulary->find(left + right.substr(m_settings.prefix.size())) : std::int32_t(-1);
        if (id < 0)
            return Error{Errc::FileFormat,
                         fmt::format("Merge {} of the vocabulary names a token that is not in it.", rank),
                         "The file is damaged, or was converted wrongly.",
                         fmt::format("{} + {}", left.substr(0, 100), right.substr(0, 100))};
        m_merges.set(leftId, rightId, {rank, id});
        return success();
    }

    Status encode(std::string_view piece, std::vector<std::int32_t>& ids) const override
    {
        if (m_settings.ignoreMerges)
            if (const std::int32_t id = m_vocabulary->find(piece); id >= 0) {
                ids.push_back(id);
                return success();
            }
        std::vector<Symbol> symbols = characters(piece);
        link(symbols);
        mergeAll(symbols, [&](const Symbol& left, const Symbol& right) { return m_merges.find(left.id, right.id); });
        for (const Symbol& symbol : symbols)
            if (symbol.alive)
                ids.push_back(symbol.id);
        return success();
    }

private:
    static constexpr char32_t kCommon = 0x180; // the byte alphabet among them

    std::int32_t idOf(std::string_view piece, std::size_t begin, std::size_t end, std::string& text) const
    {
        if (m_settings.prefix.empty() && m_settings.suffix.empty()) {
            std::size_t at = begin;
            if (const char32_t c = nextCharacter(piece, at); c < kCommon) {
                text = piece.substr(begin, end - begin);
                return m_common[c];
            }
        }
        text.clear();
        if (begin > 0)
            text += m_settings.prefix;
        text += piece.substr(begin, end - begin);
        if (end == piece.size())
            text += m_settings.suffix;
        return m_vocabulary->find(text);
    }

    bool addBytes(const std::string& text, std::uint32_t begin, std::vector<Symbol>& symbols) const
    {
        const auto idOfByte = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
        if (!m_settings.byteFallback ||
            !std::all_of(text.begin(), text.end(), [&](char byte) { return idOfByte(byte) >= 0; }))
            return false;
        for (std::size_t i = 0; i < text.size(); ++i)
            symbols.push_back({idOfByte(text[i]), -1, -1, begin + std::uint32_t(i), begin + std::uint32_t(i) + 1});
        return true;
    }

    std::vector<Symbol> characters(std::string_view piece) const
    {
        std::vector<Symbol> symbols;
        symbols.reserve(piece.size());
        Symbol unknown; // not added yet: more may join it
        const auto flush = [&] {
            if (unknown.end > unknown.begin)
                symbols.push_back(std::exchange(unknown, Symbol()));
        };
        std::string text;
        for (std::size_t at = 0; at < piece.size();) {
            const auto begin = std::uint32_t(at);
            at += characterLength(piece, at);
            const auto end = std::uint32_t(at);
            if (const std::int32_t id = idOf(piece, begin, end, text); id >= 0) {
                flush();
                symbols.push_back({id, -1, -1, begin, end});
                continue;
            }
            if (addBytes(text, begin, symbols) || m_settings.unknown < 0)
                continue;
            if (!m_settings.fuseUnknown)
                flush();
            unknown = {m_settings.unknown, -1, -1, unknown.end > unknown.begin ? unknown.begin : begin, end};
        }
        flush();
        return symbols;
    }

    VocabularyPtr m_vocabulary;
    BpeSettings m_settings;
    PairMap m_merges;
    std::vector<std::int32_t> m_byteTokens;
    std::vector<std::int32_t> m_common; // ids of the first characters of Unicode
};

} // namespace

Result<std::unique_ptr<SubwordModel>> makeBpe(VocabularyPtr vocabulary, BpeSettings settings,
                                              const std::vector<std::pair<std::string, std::string>>& merges)
{
    auto bpe = std::make_unique<Bpe>(std::move(vocabulary), std::move(settings), merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank)
        LS_CHECK(bpe->add(std::int32_t(rank), merges[rank].first, merges[rank].second));
    return std::unique_ptr<SubwordModel>(std::move(bpe));
}

} // namespace ls
