#include "engine/text/merging.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

#include <algorithm>
#include <functional>

namespace ls {

namespace {

class SentencePiece final : public SubwordModel {
public:
    SentencePiece(VocabularyPtr vocabulary, const std::vector<float>& scores, std::vector<bool> joinable,
                  std::int32_t unknown)
        : m_vocabulary(std::move(vocabulary))
        , m_joinable(std::move(joinable))
        , m_unknown(unknown)
        , m_byteTokens(m_vocabulary->byteTokens())
    {
        std::vector<float> sorted = scores;
        std::sort(sorted.begin(), sorted.end(), std::greater<float>());
        for (const float score : scores)
            m_ranks.push_back(std::int32_t(
                std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<float>()) - sorted.begin()));
    }

    Status encode(std::string_view piece, std::vector<std::int32_t>& ids) const override
    {
        std::vector<Symbol> symbols;
        symbols.reserve(piece.size());
        for (std::size_t at = 0; at < piece.size();) {
            const auto begin = std::uint32_t(at);
            at += characterLength(piece, at);
            symbols.push_back({idOf(piece.substr(begin, at - begin)), -1, -1, begin, std::uint32_t(at)});
        }
        link(symbols);
        mergeAll(symbols, [&](const Symbol& left, const Symbol& right) -> Merge {
            const std::int32_t id = idOf(piece.substr(left.begin, right.end - left.begin));
            return id < 0 ? Merge() : Merge{m_ranks[std::size_t(id)], id};
        });
        bool afterUnknown = false;
        for (const Symbol& symbol : symbols) {
            if (!symbol.alive)
                continue;
            if (symbol.id >= 0)
                ids.push_back(symbol.id);
            else if (!addBytes(piece.substr(symbol.begin, symbol.end - symbol.begin), ids)) {
                if (!afterUnknown && m_unknown >= 0)
                    ids.push_back(m_unknown);
                afterUnknown = true;
                continue;
            }
            afterUnknown = false;
        }
        return success();
    }

private:
    std::int32_t idOf(std::string_view text) const
    {
        if (text.size() > m_vocabulary->longest())
            return -1;
        const std::int32_t id = m_vocabulary->find(text);
        return id >= 0 && m_joinable[std::size_t(id)] ? id : -1;
    }

    bool addBytes(std::string_view text, std::vector<std::int32_t>& ids) const
    {
        const auto idOfByte = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
        if (!std::all_of(text.begin(), text.end(), [&](char byte) { return idOfByte(byte) >= 0; }))
            return false;
        for (const char byte : text)
            ids.push_back(idOfByte(byte));
        return true;
    }

    VocabularyPtr m_vocabulary;
    std::vector<bool> m_joinable;
    std::int32_t m_unknown;
    std::vector<std::int32_t> m_byteTokens;
    std::vector<std::int32_t> m_ranks; // place of the score, highest first
};

} // namespace

std::unique_ptr<SubwordModel> makeSentencePiece(VocabularyPtr vocabulary, const std::vector<float>& scores,
                                                std::vector<bool> joinable, std::int32_t unknown)
{
    return std::make_unique<SentencePiece>(std::move(vocabulary), scores, std::move(joinable), unknown);
}

} // namespace ls
