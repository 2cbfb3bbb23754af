#include "engine/text/byte_trie.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

#include <algorithm>
#include <limits>

namespace ls {

namespace {

constexpr double kUnknownPenalty = 10; // below the lowest score, as SentencePiece has it

class Unigram final : public SubwordModel {
public:
    Unigram(VocabularyPtr vocabulary, std::vector<double> scores, std::int32_t unknown, bool byteFallback)
        : m_vocabulary(std::move(vocabulary))
        , m_scores(std::move(scores))
        , m_unknown(unknown)
        , m_byteTokens(byteFallback ? m_vocabulary->byteTokens() : std::vector<std::int32_t>())
        , m_lowest(std::numeric_limits<double>::infinity())
    {
        for (std::int32_t id = 0; id < m_vocabulary->size(); ++id) {
            m_trie.add(m_vocabulary->text(id), id);
            m_lowest = std::min(m_lowest, m_scores[std::size_t(id)]);
        }
    }

    Status encode(std::string_view piece, std::vector<std::int32_t>& ids) const override
    {
        const std::vector<Node> best = bestPaths(piece);
        std::vector<std::string_view> parts; // from the end
        bool joins = false;                  // the part before is unknown text, too
        for (std::size_t end = piece.size(); end > 0;) {
            const Node& node = best[end];
            const std::size_t begin = std::size_t(node.begin);
            if (node.id == m_unknown && joins)
                parts.back() = piece.substr(begin, end - begin + parts.back().size());
            else
                parts.push_back(piece.substr(begin, end - begin));
            joins = node.id == m_unknown;
            end = begin;
        }
        for (auto part = parts.rbegin(); part != parts.rend(); ++part)
            if (!add(*part, ids))
                return Error{Errc::FileFormat, "The vocabulary has no token for this text and none for unknown text.",
                             "The tokenizer's unk_id is missing. Fetch the file again.", std::string(*part)};
        return success();
    }

private:
    struct Node {
        std::int32_t id = -1;
        std::int64_t begin = -1; // -1 = no path ends here yet
        double score = 0;
    };

    /// best[end]: the last token of the best division of piece[0, end).
    std::vector<Node> bestPaths(std::string_view piece) const
    {
        std::vector<Node> best(piece.size() + 1);
        const auto offer = [&](std::size_t begin, std::size_t end, std::int32_t id, double score) {
            Node& node = best[end];
            const double sum = score + best[begin].score;
            if (node.begin < 0 || sum > node.score)
                node = {id, std::int64_t(begin), sum};
        };
        for (std::size_t begin = 0; begin < piece.size();) {
            const std::size_t length = characterLength(piece, begin);
            bool single = false;
            m_trie.forEachPrefix(piece.substr(begin), [&](std::size_t bytes, std::int32_t id) {
                offer(begin, begin + bytes, id, m_scores[std::size_t(id)]);
                single = single || bytes == length;
            });
            if (!single)
                offer(begin, begin + length, m_unknown, m_lowest - kUnknownPenalty);
            begin += length;
        }
        return best;
    }

    bool add(std::string_view part, std::vector<std::int32_t>& ids) const
    {
        const auto idOfByte = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
        if (const std::int32_t id = m_vocabulary->find(part); id >= 0)
            ids.push_back(id);
        else if (!m_byteTokens.empty() &&
                 std::all_of(part.begin(), part.end(), [&](char byte) { return idOfByte(byte) >= 0; }))
            for (const char byte : part)
                ids.push_back(idOfByte(byte));
        else if (m_unknown >= 0)
            ids.push_back(m_unknown);
        else
            return false;
        return true;
    }

    VocabularyPtr m_vocabulary;
    std::vector<double> m_scores;
    std::int32_t m_unknown;
    std::vector<std::int32_t> m_byteTokens;
    double m_lowest;
    ByteTrie m_trie;
};

} // namespace

std::unique_ptr<SubwordModel> makeUnigram(VocabularyPtr vocabulary, std::vector<double> scores, std::int32_t unknown,
                                          bool byteFallback)
{
    return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), unknown, byteFallback);
}

} // namespace ls
