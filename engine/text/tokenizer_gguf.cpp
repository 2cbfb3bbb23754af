#include "engine/formats/gguf.h"
#include "engine/text/gguf_pretokenizers.h"
#include "engine/text/pipeline.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cmath>

namespace ls {

namespace {

// tokenizer.ggml.token_type
constexpr std::int64_t kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6;

struct Entries {
    const GgufFile& file;
    std::vector<std::string> tokens, merges;
    std::vector<std::int64_t> types; ///< empty without
    std::vector<float> scores;       ///< empty without

    std::int64_t type(std::size_t id) const { return types.empty() ? 1 : types[id]; }
    std::int32_t id(const char* key) const
    {
        const auto value = file.integer(key);
        return value.ok() && value.value() >= 0 && value.value() < std::int64_t(tokens.size())
                   ? std::int32_t(value.value())
                   : -1;
    }
    Result<bool> flag(const char* key, bool fallback) const
    {
        return file.has(key) ? file.boolean(key) : Result<bool>(fallback);
    }
    Error damaged(std::string message) const
    {
        return {Errc::FileFormat, std::move(message), "The file is damaged. Fetch it again.", file.path()};
    }
};

Result<Entries> readEntries(const GgufFile& file)
{
    Entries entries{file, {}, {}, {}, {}};
    LS_TRY(entries.tokens, file.texts("tokenizer.ggml.tokens"));
    if (entries.tokens.empty() || entries.tokens.size() > (1u << 30))
        return entries.damaged("The vocabulary is empty or too large.");
    if (file.has("tokenizer.ggml.merges")) {
        LS_TRY(entries.merges, file.texts("tokenizer.ggml.merges"));
    }
    if (file.has("tokenizer.ggml.token_type")) {
        LS_TRY(entries.types, file.integers("tokenizer.ggml.token_type"));
        if (entries.types.size() != entries.tokens.size())
            return entries.damaged("The vocabulary and its token types have different lengths.");
    }
    if (file.has("tokenizer.ggml.scores")) {
        LS_TRY(const std::vector<double> scores, file.numbers("tokenizer.ggml.scores"));
        if (scores.size() != entries.tokens.size())
            return entries.damaged("The vocabulary and its scores have different lengths.");
        for (const double score : scores) {
            if (std::isnan(score))
                return entries.damaged("A score of the vocabulary is not a number.");
            entries.scores.push_back(float(score));
        }
    }
    return entries;
}

std::string fingerprintOf(const Entries& entries, const std::string& settings)
{
    XXH3_state_t* hash = XXH3_createState();
    XXH3_64bits_reset(hash);
    for (const auto* list : {&entries.tokens, &entries.merges})
        for (const std::string& text : *list)
            XXH3_64bits_update(hash, text.data(), text.size() + 1);
    XXH3_64bits_update(hash, entries.types.data(), entries.types.size() * sizeof(std::int64_t));
    XXH3_64bits_update(hash, entries.scores.data(), entries.scores.size() * sizeof(float));
    XXH3_64bits_update(hash, settings.data(), settings.size());
    std::string fingerprint = fmt::format("{:016x}", XXH3_64bits_digest(hash));
    XXH3_freeState(hash);
    return fingerprint;
}

/// Control tokens are special; user-defined ones are found in any text.
Result<AddedTokens> addedFrom(const Entries& entries)
{
    std::vector<AddedToken> added;
    for (std::size_t id = 0; id < entries.tokens.size(); ++id) {
        const bool special = entries.type(id) == kControl;
        if ((special || entries.type(id) == kUserDefined) && !entries.tokens[id].empty())
            added.push_back({std::int32_t(id), entries.tokens[id], special});
    }
    return AddedTokens::make(std::move(added), nullptr);
}

/// "left right"; a token may begin with a space.
Result<std::vector<std::pair<std::string, std::string>>> mergesFrom(const Entries& entries)
{
    std::vector<std::pair<std::string, std::string>> merges;
    for (const std::string& merge : entries.merges) {
        const std::size_t space = merge.find(' ', 1);
        if (space == std::string::npos)
            return entries.damaged(fmt::format("Merge {} of the vocabulary is not a pair.", merges.size()));
        merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    }
    return merges;
}

Status addByteLevel(const Entries& entries, const std::string& pre, Pipeline& parts, bool& addBos)
{
    if (entries.merges.empty())
        return entries.damaged("The vocabulary has no merges.");
    LS_TRY(const GgufPretokenizer known, ggufPretokenizer(pre));
    LS_TRY(const auto merges, mergesFrom(entries));
    BpeSettings settings;
    settings.ignoreMerges = known.ignoreMerges;
    LS_TRY(parts.model, makeBpe(parts.vocabulary, std::move(settings), merges));
    LS_TRY(parts.pretokenizer, Pretokenizer::byteLevel(known.patterns));
    if (known.nfc)
        parts.normalizer = Normalizer::nfc();
    parts.decoder = Decoder::byteLevel();
    addBos = known.addBos;
    return success();
}

Status addSentencePiece(const Entries& entries, bool spaceInFront, Pipeline& parts)
{
    if (entries.scores.empty())
        return entries.damaged("The vocabulary has no scores.");
    const std::int32_t unknown = entries.id("tokenizer.ggml.unknown_token_id");
    std::vector<bool> joinable(entries.tokens.size());
    for (std::size_t id = 0; id < joinable.size(); ++id) {
        const std::int64_t type = entries.type(id);
        joinable[id] = type != kControl && type != kUnknown && type != kByte && std::int32_t(id) != unknown;
    }
    parts.model = makeSentencePiece(parts.vocabulary, entries.scores, std::move(joinable), unknown);
    LS_TRY(parts.normalizer, Normalizer::sentencePiece(spaceInFront));
    parts.decoder = Decoder::sentencePiece(spaceInFront);
    return success();
}

} // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::fromGguf(const GgufFile& file)
{
    if (!file.has("tokenizer.ggml.tokens"))
        return Error{Errc::TokenizerMissing, "The file holds no vocabulary.",
                     "Choose a GGUF file that was converted with its tokenizer.", file.path()};
    LS_TRY(const std::string model, file.text("tokenizer.ggml.model"));
    const bool sentencePiece = model == "llama";
    if (model != "gpt2" && !sentencePiece)
        return Error{Errc::TokenizerUnknown, fmt::format("Vocabularies of the kind \"{}\" cannot be read.", model),
                     "Guessing would give wrong ids, so the model is not opened. Known: gpt2 (byte-level BPE), llama "
                     "(SentencePiece BPE).",
                     file.path()};
    LS_TRY(const Entries entries, readEntries(file));
    std::string pre = "default";
    if (file.has("tokenizer.ggml.pre")) {
        LS_TRY(pre, file.text("tokenizer.ggml.pre"));
    }
    Pipeline parts;
    LS_TRY(parts.vocabulary, Vocabulary::fromList(entries.tokens));
    LS_TRY(parts.added, addedFrom(entries));
    bool addBos = true;
    LS_TRY(const bool spaceInFront, entries.flag("tokenizer.ggml.add_space_prefix", sentencePiece));
    if (sentencePiece)
        LS_CHECK(addSentencePiece(entries, spaceInFront, parts));
    else
        LS_CHECK(addByteLevel(entries, pre, parts, addBos));
    LS_TRY(addBos, entries.flag("tokenizer.ggml.add_bos_token", addBos));
    LS_TRY(const bool addEos, entries.flag("tokenizer.ggml.add_eos_token", false));
    parts.bos = entries.id("tokenizer.ggml.bos_token_id");
    parts.eos = entries.id("tokenizer.ggml.eos_token_id");
    if (addBos && parts.bos >= 0)
        parts.postProcessor.before = {parts.bos};
    if (addEos && parts.eos >= 0)
        parts.postProcessor.after = {parts.eos};
    parts.fingerprint = fingerprintOf(entries, fmt::format("{} {} {} {} {} {} {}", model, model == "gpt2" ? pre : "",
                                                           spaceInFront, addBos, addEos, parts.bos, parts.eos));
    return makeTokenizer(std::move(parts));
}

} // namespace ls
