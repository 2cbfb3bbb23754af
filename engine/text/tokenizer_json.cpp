#include "engine/text/json_fields.h"
#include "engine/text/pipeline.h"
#include "engine/text/tokenizer_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <unordered_map>
#include <unordered_set>

namespace ls {

namespace {

using Model = std::unique_ptr<SubwordModel>;

Error damaged(std::string message, std::string detail = {})
{
    return {Errc::FileFormat, std::move(message), "The file is damaged. Fetch it again.", std::move(detail)};
}

std::string fingerprintOf(const TokenizerFile& file, const Tokenizer::Names& names)
{
    XXH3_state_t* hash = XXH3_createState();
    XXH3_64bits_reset(hash);
    const auto mix = [&](const std::string& text) { XXH3_64bits_update(hash, text.data(), text.size() + 1); };
    mix(file.rest.dump());
    for (const auto& [text, id] : file.tokens)
        mix(fmt::format("{} {}", id, text));
    for (const auto& [text, score] : file.scored)
        mix(fmt::format("{} {}", score, text));
    for (const auto& [left, right] : file.merges)
        mix(left + '\0' + right);
    mix(names.bos + '\0' + names.eos);
    std::string fingerprint = fmt::format("{:016x}", XXH3_64bits_digest(hash));
    XXH3_freeState(hash);
    return fingerprint;
}

Result<Model> bpeFrom(const JsonFields& fields, const VocabularyPtr& vocabulary, const TokenizerFile& file)
{
    if (!file.hasMerges)
        return fields.wrong("merges", "a list");
    BpeSettings settings;
    LS_TRY(settings.fuseUnknown, fields.flag("fuse_unk", false));
    LS_TRY(settings.byteFallback, fields.flag("byte_fallback", false));
    LS_TRY(settings.ignoreMerges, fields.flag("ignore_merges", false));
    LS_TRY(settings.prefix, fields.text("continuing_subword_prefix", ""));
    LS_TRY(settings.suffix, fields.text("end_of_word_suffix", ""));
    if (settings.prefix.size() + settings.suffix.size() > 100)
        return fields.wrong("continuing_subword_prefix", "short");
    if (fields.has("dropout") && fields.at("dropout") != 0.0)
        return Error{Errc::TokenizerUnknown,
                     "The tokenizer leaves out merges at random (dropout).",
                     "Its ids would differ from call to call. Set \"dropout\" to null.",
                     {}};
    if (fields.has("unk_token")) {
        LS_TRY(const std::string unknown, fields.text("unk_token"));
        settings.unknown = vocabulary->find(unknown);
        if (settings.unknown < 0)
            return damaged("The tokenizer's unk_token is not in its vocabulary.", unknown);
    }
    return makeBpe(vocabulary, std::move(settings), file.merges);
}

Result<Model> unigramFrom(const JsonFields& fields, const VocabularyPtr& vocabulary, const TokenizerFile& file)
{
    std::vector<double> scores;
    for (const auto& entry : file.scored)
        scores.push_back(entry.second);
    LS_TRY(const bool byteFallback, fields.flag("byte_fallback", false));
    LS_TRY(const std::int64_t unknown, fields.integer("unk_id", -1));
    if (unknown >= vocabulary->size() || (unknown < 0 && fields.has("unk_id")))
        return damaged(fmt::format("The tokenizer's unk_id {} is not in its vocabulary.", unknown));
    return makeUnigram(vocabulary, std::move(scores), std::int32_t(unknown), byteFallback);
}

Result<std::vector<AddedToken>> addedFrom(const nlohmann::json& list, const Vocabulary& vocabulary)
{
    std::vector<AddedToken> tokens;
    std::unordered_map<std::string, std::size_t> places;
    std::unordered_set<std::int64_t> ids;
    if (!list.is_null() && !list.is_array())
        return damaged("\"added_tokens\" of the tokenizer is not a list.");
    const auto limit = std::int64_t(vocabulary.size()) + 8 * std::int64_t(list.size()) + (1 << 16);
    for (const nlohmann::json& item : list) {
        const JsonFields fields(item, "added_tokens");
        AddedToken token;
        LS_TRY(token.text, fields.text("content"));
        LS_TRY(const std::int64_t id, fields.integer("id"));
        LS_TRY(token.special, fields.flag("special", false));
        LS_TRY(token.normalized, fields.flag("normalized", !token.special));
        LS_TRY(token.singleWord, fields.flag("single_word", false));
        LS_TRY(token.stripsLeft, fields.flag("lstrip", false));
        LS_TRY(token.stripsRight, fields.flag("rstrip", false));
        if (token.text.empty())
            continue;
        if (id < 0 || id >= limit)
            return damaged(fmt::format("The token id {} is out of range.", id), token.text.substr(0, 200));
        token.id = std::int32_t(id);
        const std::int32_t known = vocabulary.find(token.text);
        const auto [place, isNew] = places.emplace(token.text, tokens.size());
        if ((known >= 0 && known != id) || (!isNew && tokens[place->second].id != id))
            return damaged(fmt::format("A token has two ids, {} is one of them.", id), token.text.substr(0, 200));
        if ((known < 0 && vocabulary.has(id)) || (isNew && !ids.insert(id).second))
            return damaged(fmt::format("The token id {} is given twice.", id), token.text.substr(0, 200));
        if (isNew)
            tokens.push_back(std::move(token));
        else
            tokens[place->second] = std::move(token); // the last word on a token counts
    }
    return tokens;
}

Result<VocabularyPtr> vocabularyFrom(const std::string& type, TokenizerFile& file)
{
    if (type == "BPE") {
        if (!file.scored.empty())
            return damaged("The BPE tokenizer's vocabulary is a list of scores.");
        return Vocabulary::fromPairs(std::move(file.tokens));
    }
    if (!file.tokens.empty())
        return damaged("The unigram tokenizer's vocabulary has no scores.");
    std::vector<std::string> texts;
    for (const auto& entry : file.scored)
        texts.push_back(entry.first);
    return Vocabulary::fromList(std::move(texts));
}

} // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::fromJson(std::string_view json, const Names& names)
{
    LS_TRY(TokenizerFile file, TokenizerFile::parse(json));
    const JsonFields fields(file.rest, "tokenizer");
    const JsonFields model(fields.at("model"), "model");
    LS_TRY(const std::string type, model.text("type", file.scored.empty() ? "BPE" : "Unigram"));
    if (type != "BPE" && type != "Unigram")
        return Error{Errc::TokenizerUnknown,
                     fmt::format("Tokenizers of the kind \"{}\" cannot be read.", type),
                     "Guessing would give wrong ids, so the model is not opened. Known: BPE, Unigram.",
                     {}};
    if (file.tokens.empty() && file.scored.empty())
        return damaged("The tokenizer's vocabulary is empty.");

    Pipeline parts;
    parts.fingerprint = fingerprintOf(file, names);
    LS_TRY(parts.vocabulary, vocabularyFrom(type, file));
    if (type == "BPE") {
        LS_TRY(parts.model, bpeFrom(model, parts.vocabulary, file));
    } else {
        LS_TRY(parts.model, unigramFrom(model, parts.vocabulary, file));
    }
    LS_TRY(parts.normalizer, Normalizer::fromJson(fields.at("normalizer")));
    LS_TRY(parts.pretokenizer, Pretokenizer::fromJson(fields.at("pre_tokenizer")));
    LS_TRY(parts.postProcessor, PostProcessor::fromJson(fields.at("post_processor")));
    LS_TRY(parts.decoder, Decoder::fromJson(fields.at("decoder")));
    LS_TRY(std::vector<AddedToken> added, addedFrom(fields.at("added_tokens"), *parts.vocabulary));
    LS_TRY(parts.added, AddedTokens::make(std::move(added), parts.normalizer.get()));

    const auto idOf = [&](const std::string& name, const std::vector<std::int32_t>& around, bool first) {
        for (const AddedToken& token : parts.added.all())
            if (!name.empty() && token.text == name)
                return token.id;
        if (const std::int32_t id = name.empty() ? -1 : parts.vocabulary->find(name); id >= 0)
            return id;
        return around.empty() ? -1 : first ? around.front() : around.back();
    };
    parts.bos = idOf(names.bos, parts.postProcessor.before, true);
    parts.eos = idOf(names.eos, parts.postProcessor.after, false);
    return makeTokenizer(std::move(parts));
}

} // namespace ls
