#include "engine/formats/gguf.h"
#include "engine/text/byte_level.h"
#include "engine/text/regex.h"
#include "engine/text/tokenizer.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>

namespace ls {

namespace {

constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Pre-tokenizers by their name in GGUF files: patterns applied one after the other.
Result<std::vector<std::string>> patternsOf(const std::string& name)
{
    if (name == "gpt-2" || name == "default")
        return std::vector<std::string>{kGpt2Pattern};
    if (name == "smollm")
        return std::vector<std::string>{R"(\p{N})", kGpt2Pattern};
    return Error{Errc::TokenizerUnknown,
                 fmt::format("The pre-tokenizer \"{}\" is not known.", name),
                 "Guessing would give wrong ids, so the model is not opened. Known: gpt-2, smollm.",
                 {}};
}

/// Byte-level BPE: patterns cut the text, merges with the lowest rank are applied first.
class ByteLevelBpe final : public Tokenizer {
public:
    struct Parts {
        std::vector<std::string> tokens; // as in the file: byte alphabet, special tokens plain
        std::vector<bool> special;
        std::vector<std::string> merges; // "left right"
        std::vector<std::string> patterns;
        std::int32_t bos = -1, eos = -1;
        bool addBos = false;
    };
    static Result<std::unique_ptr<Tokenizer>> make(Parts parts);

    std::vector<std::int32_t> encode(std::string_view text, bool special) const override;
    std::string decode(std::span<const std::int32_t> ids) const override;
    std::string bytes(std::int32_t id) const override
    {
        return id >= 0 && id < vocabSize() ? m_bytes[std::size_t(id)] : std::string();
    }
    bool isSpecial(std::int32_t id) const override
    {
        return id >= 0 && id < vocabSize() && m_parts.special[std::size_t(id)];
    }
    int vocabSize() const override { return int(m_parts.tokens.size()); }
    std::int32_t bosId() const override { return m_parts.bos; }
    std::int32_t eosId() const override { return m_parts.eos; }
    bool addsBos() const override { return m_parts.addBos; }
    std::int32_t find(std::string_view text) const override
    {
        const auto found = m_ids.find(std::string(text));
        return found == m_ids.end() ? -1 : found->second;
    }
    std::string fingerprint() const override { return m_fingerprint; }

private:
    struct Merge {
        std::int32_t rank, id;
    };
    static std::uint64_t pairKey(std::int32_t left, std::int32_t right)
    {
        return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
    }
    Status buildMerges();
    void encodePlain(std::string_view text, std::vector<std::int32_t>& out) const;
    void cut(std::string_view text, std::size_t pattern, std::vector<std::int32_t>& out) const;
    void mergeWord(std::string_view word, std::vector<std::int32_t>& out) const;

    Parts m_parts;
    std::vector<std::string> m_bytes;
    std::unordered_map<std::string, std::int32_t> m_ids;
    std::vector<std::int32_t> m_byteIds; // [256]
    std::unordered_map<std::uint64_t, Merge> m_merges;
    std::vector<Regex> m_patterns;
    std::vector<std::int32_t> m_specialIds; // longest text first
    std::string m_fingerprint;
};

Result<std::unique_ptr<Tokenizer>> ByteLevelBpe::make(Parts parts)
{
    auto bpe = std::make_unique<ByteLevelBpe>();
    bpe->m_parts = std::move(parts);
    Parts& p = bpe->m_parts;
    XXH3_state_t* hash = XXH3_createState();
    XXH3_64bits_reset(hash);
    const auto mix = [&](const std::string& text) { XXH3_64bits_update(hash, text.data(), text.size() + 1); };
    for (std::size_t i = 0; i < p.tokens.size(); ++i) {
        bpe->m_ids.emplace(p.tokens[i], std::int32_t(i)); // of equal texts the first counts
        bpe->m_bytes.push_back(p.special[i] ? p.tokens[i] : alphabetToBytes(p.tokens[i]));
        if (p.special[i] && !p.tokens[i].empty())
            bpe->m_specialIds.push_back(std::int32_t(i));
        mix(p.tokens[i]);
    }
    for (const auto* list : {&p.merges, &p.patterns})
        for (const std::string& text : *list)
            mix(text);
    mix(fmt::format("{} {} {}", p.bos, p.eos, p.addBos));
    bpe->m_fingerprint = fmt::format("{:016x}", XXH3_64bits_digest(hash));
    XXH3_freeState(hash);
    std::stable_sort(bpe->m_specialIds.begin(), bpe->m_specialIds.end(), [&](std::int32_t a, std::int32_t b) {
        return p.tokens[std::size_t(a)].size() > p.tokens[std::size_t(b)].size();
    });
    for (int b = 0; b < 256; ++b) {
        const char byte = char(b);
        bpe->m_byteIds.push_back(bpe->find(bytesToAlphabet({&byte, 1})));
    }
    for (const std::string& pattern : p.patterns) {
        LS_TRY(Regex regex, Regex::compile(pattern));
        bpe->m_patterns.push_back(std::move(regex));
    }
    LS_CHECK(bpe->buildMerges());
    return std::unique_ptr<Tokenizer>(std::move(bpe));
}

Status ByteLevelBpe::buildMerges()
{
    for (std::size_t rank = 0; rank < m_parts.merges.size(); ++rank) {
        const std::string& merge = m_parts.merges[rank];
        const std::size_t space = merge.find(' ', 1);
        const std::int32_t left = space == std::string::npos ? -1 : find(merge.substr(0, space));
        const std::int32_t right = space == std::string::npos ? -1 : find(merge.substr(space + 1));
        const std::int32_t id = left < 0 || right < 0 ? -1 : find(merge.substr(0, space) + merge.substr(space + 1));
        if (id < 0)
            return Error{Errc::FileFormat,
                         fmt::format("Merge {} of the vocabulary names a token that is not in it.", rank),
                         "The file is damaged, or was converted wrongly.",
                         {}};
        m_merges.emplace(pairKey(left, right), Merge{std::int32_t(rank), id});
    }
    return success();
}

/// Applies merges with a queue: O(n log n), so that a long run without a break cannot hang the program.
void ByteLevelBpe::mergeWord(std::string_view word, std::vector<std::int32_t>& out) const
{
    struct Piece {
        std::int32_t id;
        int previous, next; // -1 = none
    };
    std::vector<Piece> pieces;
    for (const char byte : word)
        if (const std::int32_t id = m_byteIds[static_cast<unsigned char>(byte)]; id >= 0)
            pieces.push_back({id, int(pieces.size()) - 1, int(pieces.size()) + 1});
    if (pieces.empty())
        return;
    pieces.back().next = -1;
    struct Candidate {
        std::int32_t rank;
        int left;
        std::int32_t leftId, rightId, id;
        bool operator<(const Candidate& other) const // smallest rank, then leftmost, comes first
        {
            return rank != other.rank ? rank > other.rank : left > other.left;
        }
    };
    std::priority_queue<Candidate> queue;
    const auto offer = [&](int left) {
        if (left < 0 || pieces[std::size_t(left)].next < 0)
            return;
        const Piece& a = pieces[std::size_t(left)];
        const Piece& b = pieces[std::size_t(a.next)];
        if (const auto found = m_merges.find(pairKey(a.id, b.id)); found != m_merges.end())
            queue.push({found->second.rank, left, a.id, b.id, found->second.id});
    };
    for (int i = 0; i < int(pieces.size()); ++i)
        offer(i);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Piece& left = pieces[std::size_t(best.left)];
        if (left.id != best.leftId || left.next < 0 || pieces[std::size_t(left.next)].id != best.rightId)
            continue; // one of the two was merged meanwhile
        Piece& right = pieces[std::size_t(left.next)];
        left.id = best.id;
        left.next = right.next;
        right.id = -1;
        if (left.next >= 0)
            pieces[std::size_t(left.next)].previous = best.left;
        offer(best.left);
        offer(left.previous);
    }
    for (int i = 0; i >= 0; i = pieces[std::size_t(i)].next)
        out.push_back(pieces[std::size_t(i)].id);
}

void ByteLevelBpe::cut(std::string_view text, std::size_t pattern, std::vector<std::int32_t>& out) const
{
    if (pattern == m_patterns.size())
        return mergeWord(text, out);
    m_patterns[pattern].split(text, [&](std::string_view piece) { cut(piece, pattern + 1, out); });
}

void ByteLevelBpe::encodePlain(std::string_view text, std::vector<std::int32_t>& out) const
{
    if (!text.empty())
        cut(text, 0, out);
}

std::vector<std::int32_t> ByteLevelBpe::encode(std::string_view raw, bool special) const
{
    const std::string text = repairUtf8(raw);
    std::vector<std::int32_t> out;
    if (special && m_parts.addBos && m_parts.bos >= 0)
        out.push_back(m_parts.bos);
    std::size_t done = 0;
    for (std::size_t at = 0; special && at < text.size();) {
        const auto found = std::find_if(m_specialIds.begin(), m_specialIds.end(), [&](std::int32_t id) {
            return text.compare(at, m_parts.tokens[std::size_t(id)].size(), m_parts.tokens[std::size_t(id)]) == 0;
        });
        if (found == m_specialIds.end()) {
            ++at;
            continue;
        }
        encodePlain(std::string_view(text).substr(done, at - done), out);
        out.push_back(*found);
        at += m_parts.tokens[std::size_t(*found)].size();
        done = at;
    }
    encodePlain(std::string_view(text).substr(done), out);
    return out;
}

std::string ByteLevelBpe::decode(std::span<const std::int32_t> ids) const
{
    std::string all;
    for (const std::int32_t id : ids)
        all += bytes(id);
    return repairUtf8(all);
}

} // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::fromGguf(const GgufFile& file)
{
    if (!file.has("tokenizer.ggml.tokens"))
        return Error{Errc::TokenizerMissing, "The file holds no vocabulary.",
                     "Choose a GGUF file that was converted with its tokenizer.", file.path()};
    LS_TRY(const std::string model, file.text("tokenizer.ggml.model"));
    if (model != "gpt2")
        return Error{Errc::TokenizerUnknown, fmt::format("Vocabularies of the kind \"{}\" cannot be read yet.", model),
                     "Guessing would give wrong ids, so the model is not opened. Known: gpt2 (byte-level BPE).",
                     file.path()};
    ByteLevelBpe::Parts parts;
    LS_TRY(parts.tokens, file.texts("tokenizer.ggml.tokens"));
    LS_TRY(parts.merges, file.texts("tokenizer.ggml.merges"));
    parts.special.assign(parts.tokens.size(), false);
    if (file.has("tokenizer.ggml.token_type")) {
        LS_TRY(const auto types, file.integers("tokenizer.ggml.token_type"));
        if (types.size() != parts.tokens.size())
            return Error{Errc::FileFormat, "The vocabulary and its token types have different lengths.",
                         "The file is damaged. Fetch it again.", file.path()};
        constexpr std::int64_t kControl = 3, kUserDefined = 4;
        for (std::size_t i = 0; i < types.size(); ++i)
            parts.special[i] = types[i] == kControl || types[i] == kUserDefined;
    }
    std::string pre = "default";
    if (file.has("tokenizer.ggml.pre")) {
        LS_TRY(pre, file.text("tokenizer.ggml.pre"));
    }
    LS_TRY(parts.patterns, patternsOf(pre));
    const auto id = [&](const char* key) -> std::int32_t {
        const auto value = file.integer(key);
        return value.ok() && value.value() >= 0 && value.value() < std::int64_t(parts.tokens.size())
                   ? std::int32_t(value.value())
                   : -1;
    };
    parts.bos = id("tokenizer.ggml.bos_token_id");
    parts.eos = id("tokenizer.ggml.eos_token_id");
    if (file.has("tokenizer.ggml.add_bos_token")) {
        LS_TRY(parts.addBos, file.boolean("tokenizer.ggml.add_bos_token"));
    }
    return ByteLevelBpe::make(std::move(parts));
}

std::string StreamDecoder::push(std::int32_t id)
{
    m_pending += m_tokenizer.bytes(id);
    const std::size_t whole = completePrefix(m_pending);
    const std::string out = repairUtf8(std::string_view(m_pending).substr(0, whole));
    m_pending.erase(0, whole);
    return out;
}

std::string StreamDecoder::flush()
{
    return repairUtf8(std::exchange(m_pending, {}));
}

} // namespace ls
