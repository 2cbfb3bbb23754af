#include "engine/model/text_parts.h"

#include "engine/text/chat_template.h"
#include "engine/text/decoder.h"
#include "engine/text/tokenizer.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

namespace ls {

namespace {

/// Stands where a model has no vocabulary that can be used: ids only.
class NoTokenizer final : public Tokenizer {
public:
    explicit NoTokenizer(int vocabSize)
        : m_vocabSize(vocabSize)
    {
    }
    Result<std::vector<std::int32_t>> tokenize(std::string_view, bool) const override
    {
        return std::vector<std::int32_t>();
    }
    std::string decode(std::span<const std::int32_t>) const override { return {}; }
    std::string bytes(std::int32_t) const override { return {}; }
    bool isSpecial(std::int32_t) const override { return false; }
    int vocabSize() const override { return m_vocabSize; }
    std::int32_t bosId() const override { return -1; }
    std::int32_t eosId() const override { return -1; }
    bool addsBos() const override { return false; }
    std::int32_t find(std::string_view) const override { return -1; }
    std::string fingerprint() const override { return {}; }
    std::vector<DecodeMemory> startDecoding() const override { return {}; }
    std::string decodeNext(std::span<const std::int32_t>, std::vector<DecodeMemory>&, bool) const override
    {
        return {};
    }

private:
    int m_vocabSize;
};

Error noVocabulary(const std::string& path)
{
    return {Errc::TokenizerMissing, "This model has no vocabulary, so text cannot become ids.",
            "Give the prompt as ids, or put the model's tokenizer.json beside its weights.", path};
}

Result<std::unique_ptr<Tokenizer>> tokenizerOf(const ModelFile& file)
{
    if (file.gguf()) {
        const auto model = file.gguf()->text("tokenizer.ggml.model");
        if (!model || model.value() == "none")
            return noVocabulary(file.path());
        return Tokenizer::fromGguf(*file.gguf());
    }
    auto tokenizer = Tokenizer::open(file.path());
    if (!tokenizer && tokenizer.error().code == Errc::TokenizerMissing)
        return noVocabulary(file.path());
    return tokenizer;
}

void addStop(ModelConfig& config, std::int64_t id)
{
    if (id >= 0 && id < config.vocabSize &&
        std::find(config.stopIds.begin(), config.stopIds.end(), int(id)) == config.stopIds.end())
        config.stopIds.push_back(int(id));
}

/// A number, or a list of numbers; anything else is nothing.
std::vector<std::int64_t> idsIn(const nlohmann::json& settings, const char* key)
{
    std::vector<std::int64_t> out;
    const auto found = settings.find(key);
    if (found == settings.end())
        return out;
    for (const nlohmann::json& item : found->is_array() ? *found : nlohmann::json::array({*found}))
        if (item.is_number_integer())
            out.push_back(item.get<std::int64_t>());
    return out;
}

Status readSpecialIds(const ModelFile& file, const Tokenizer& tokenizer, ModelConfig& config)
{
    config.bosId = tokenizer.bosId();
    config.eosId = tokenizer.eosId();
    config.addBos = tokenizer.addsBos();
    if (const GgufFile* gguf = file.gguf()) {
        for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
            if (!gguf->has(key))
                continue;
            LS_TRY(const std::int64_t id, gguf->integer(key));
            addStop(config, id);
        }
    } else {
        LS_TRY(const auto generation, file.folder()->json("generation_config.json"));
        const nlohmann::json& settings = file.folder()->config();
        for (const nlohmann::json* source : {generation ? &*generation : &settings, &settings}) {
            for (const std::int64_t id : idsIn(*source, "eos_token_id"))
                addStop(config, id);
            if (const auto bos = idsIn(*source, "bos_token_id");
                config.bosId < 0 && !bos.empty() && bos[0] >= 0 && bos[0] < config.vocabSize)
                config.bosId = int(bos[0]);
        }
        if (config.eosId < 0 && !config.stopIds.empty())
            config.eosId = config.stopIds.front();
    }
    if (const auto end = tokenizer.find("<|endoftext|>"); end >= 0)
        addStop(config, end);
    if (config.stopIds.empty())
        addStop(config, config.eosId);
    return success();
}

/// The text of the chat template; the one named "default" where there are several.
Result<std::string> templateSource(const ModelFile& file)
{
    if (const GgufFile* gguf = file.gguf())
        return gguf->has("tokenizer.chat_template") ? gguf->text("tokenizer.chat_template") : std::string();
    LS_TRY(const auto own, file.folder()->text("chat_template.jinja"));
    if (own)
        return *own;
    LS_TRY(const auto settings, file.folder()->json("tokenizer_config.json"));
    const auto found = settings ? settings->find("chat_template") : nlohmann::json::const_iterator();
    if (!settings || found == settings->end())
        return std::string();
    if (found->is_string())
        return found->get<std::string>();
    for (const nlohmann::json& item : found->is_array() ? *found : nlohmann::json::array())
        if (item.is_object() && item.value("name", nlohmann::json()) == "default" && item.contains("template") &&
            item["template"].is_string())
            return item["template"].get<std::string>();
    return std::string();
}

} // namespace

Result<TextParts> readTextParts(const ModelFile& file, ModelConfig& config)
{
    TextParts parts;
    auto tokenizer = tokenizerOf(file);
    if (tokenizer)
        parts.tokenizer = std::move(tokenizer).value();
    else
        parts.status = tokenizer.error();
    if (!tokenizer && tokenizer.error().code != Errc::TokenizerMissing &&
        tokenizer.error().code != Errc::TokenizerUnknown && tokenizer.error().code != Errc::NotSupported)
        return tokenizer.error();
    if (!parts.tokenizer)
        parts.tokenizer = std::make_unique<NoTokenizer>(config.vocabSize);
    LS_CHECK(readSpecialIds(file, *parts.tokenizer, config));
    LS_TRY(const std::string source, templateSource(file));
    if (source.empty())
        return parts;
    parts.templateFingerprint = fmt::format("{:016x}", XXH3_64bits(source.data(), source.size()));
    // A template we cannot read takes nothing from the model: plain text still works.
    if (auto parsed = ChatTemplate::parse(source); parsed.ok())
        parts.chatTemplate = std::move(parsed).value();
    return parts;
}

} // namespace ls
