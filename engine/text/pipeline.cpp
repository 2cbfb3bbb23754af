#include "engine/text/pipeline.h"

#include "engine/text/byte_level.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace ls {

namespace {

/// Ids of the pieces of one text: words come again and again.
class PieceCache {
public:
    explicit PieceCache(const SubwordModel& model)
        : m_model(model)
    {
    }
    Status encode(std::string_view piece, std::vector<std::int32_t>& ids)
    {
        if (piece.size() > kLongest)
            return m_model.encode(piece, ids);
        const auto [entry, isNew] = m_known.try_emplace(piece);
        Stretch& known = entry->second;
        if (!isNew) {
            m_copy.assign(ids.begin() + known.begin, ids.begin() + known.end);
            ids.insert(ids.end(), m_copy.begin(), m_copy.end());
            return success();
        }
        known.begin = std::ptrdiff_t(ids.size());
        LS_CHECK(m_model.encode(piece, ids));
        known.end = std::ptrdiff_t(ids.size());
        return success();
    }

private:
    static constexpr std::size_t kLongest = 256;
    struct Stretch {
        std::ptrdiff_t begin = 0, end = 0; // of the ids so far
    };
    const SubwordModel& m_model;
    std::unordered_map<std::string_view, Stretch> m_known;
    std::vector<std::int32_t> m_copy;
};

class PipelineTokenizer final : public Tokenizer {
public:
    explicit PipelineTokenizer(Pipeline parts)
        : m_parts(std::move(parts))
        , m_size(m_parts.vocabulary->size())
    {
        for (const AddedToken& token : m_parts.added.all()) {
            m_addedIds.emplace(token.text, token.id);
            m_size = std::max(m_size, token.id + 1);
        }
    }

    Result<std::vector<std::int32_t>> tokenize(std::string_view raw, bool special) const override
    {
        const std::string text = repairUtf8(raw);
        std::vector<std::int32_t> ids;
        if (special)
            ids = m_parts.postProcessor.before;
        PieceCache cache(*m_parts.model);
        Pieces pieces;
        pieces.texts.emplace_back();
        Status status = success();
        const auto onToken = [&](std::int32_t id) { ids.push_back(id); };
        m_parts.added.split(
            text, false, special,
            [&](std::string_view part) {
                if (status)
                    status = normalise(part, part.data() == text.data(), special, pieces, cache, ids);
            },
            onToken);
        LS_CHECK(status);
        if (special)
            ids.insert(ids.end(), m_parts.postProcessor.after.begin(), m_parts.postProcessor.after.end());
        return ids;
    }

    std::string decode(std::span<const std::int32_t> ids) const override
    {
        std::vector<DecodeMemory> memory = m_parts.decoder.start();
        return decodeNext(ids, memory, true);
    }

    std::string bytes(std::int32_t id) const override
    {
        if (const AddedToken* added = m_parts.added.find(id))
            return added->text;
        return m_parts.vocabulary->has(id) ? m_parts.decoder.bytesOf(std::string(m_parts.vocabulary->text(id)))
                                           : std::string();
    }

    bool isSpecial(std::int32_t id) const override
    {
        const AddedToken* added = m_parts.added.find(id);
        return added && added->special;
    }
    int vocabSize() const override { return m_size; }
    std::int32_t bosId() const override { return m_parts.bos; }
    std::int32_t eosId() const override { return m_parts.eos; }
    bool addsBos() const override
    {
        const auto& before = m_parts.postProcessor.before;
        return !before.empty() && before.front() == m_parts.bos;
    }
    std::int32_t find(std::string_view text) const override
    {
        const auto found = m_addedIds.find(text);
        return found == m_addedIds.end() ? m_parts.vocabulary->find(text) : found->second;
    }
    std::string fingerprint() const override { return m_parts.fingerprint; }

    std::vector<DecodeMemory> startDecoding() const override { return m_parts.decoder.start(); }
    std::string decodeNext(std::span<const std::int32_t> ids, std::vector<DecodeMemory>& memory,
                           bool last) const override
    {
        std::vector<std::string> tokens;
        for (const std::int32_t id : ids) {
            if (const AddedToken* added = m_parts.added.find(id))
                tokens.push_back(m_parts.added.decodedFrom(*added));
            else if (m_parts.vocabulary->has(id))
                tokens.emplace_back(m_parts.vocabulary->text(id));
        }
        return m_parts.decoder.run(std::move(tokens), memory, last);
    }

private:
    /// One stretch between added tokens: normalised, searched for normalised added tokens, cut, encoded.
    Status normalise(std::string_view part, bool first, bool special, Pieces& pieces, PieceCache& cache,
                     std::vector<std::int32_t>& ids) const
    {
        std::string_view text = part;
        if (m_parts.normalizer) {
            LS_TRY(std::string normalised, m_parts.normalizer->apply(std::string(part)));
            pieces.texts.push_back(std::move(normalised));
            text = pieces.texts.back();
        }
        Status status = success();
        m_parts.added.split(
            text, true, special,
            [&](std::string_view stretch) {
                if (status)
                    status = cut(stretch, first && stretch.data() == text.data(), pieces, cache, ids);
            },
            [&](std::int32_t id) { ids.push_back(id); });
        return status;
    }

    Status cut(std::string_view text, bool first, Pieces& pieces, PieceCache& cache,
               std::vector<std::int32_t>& ids) const
    {
        pieces.list.assign(1, {text, first});
        if (m_parts.pretokenizer)
            LS_CHECK(m_parts.pretokenizer->apply(pieces));
        for (const Piece& piece : pieces.list)
            LS_CHECK(cache.encode(piece.text, ids));
        return success();
    }

    Pipeline m_parts;
    std::int32_t m_size;
    std::unordered_map<std::string_view, std::int32_t> m_addedIds;
};

} // namespace

Result<std::unique_ptr<Tokenizer>> makeTokenizer(Pipeline parts)
{
    for (const auto* list : {&parts.postProcessor.before, &parts.postProcessor.after})
        for (const std::int32_t id : *list)
            if (!parts.vocabulary->has(id) && !parts.added.find(id))
                return Error{Errc::FileFormat,
                             fmt::format("The post-processor adds token {}, which does not exist.", id),
                             "The file is damaged, or was converted wrongly.",
                             {}};
    return std::unique_ptr<Tokenizer>(std::make_unique<PipelineTokenizer>(std::move(parts)));
}

} // namespace ls
