#include "engine/text/tokenizer.h"

#include "core/bounded_json.h"
#include "engine/formats/gguf.h"
#include "engine/text/decoder.h"
#include "engine/text/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ls {

namespace fs = std::filesystem;

namespace {

Result<std::string> readFile(const fs::path& path)
{
    std::ifstream in(path, std::ios::binary);
    std::error_code code;
    const auto size = fs::file_size(path, code);
    std::string text;
    if (in && !code) {
        text.resize(size);
        in.read(text.data(), std::streamsize(size));
    }
    if (!in || code)
        return Error{Errc::FileNotFound, fmt::format("{} cannot be read.", path.string()),
                     "Check that the file exists and that you may read it.", code.message()};
    return text;
}

/// "bos_token": "<s>", or {"content": "<s>", ...}.
std::string tokenName(const nlohmann::json& config, const char* key)
{
    const JsonFields fields(config, "tokenizer_config.json");
    const nlohmann::json& value = fields.at(key);
    const nlohmann::json& name = value.is_object() ? JsonFields(value, key).at("content") : value;
    return name.is_string() ? name.get<std::string>() : std::string();
}

Result<std::unique_ptr<Tokenizer>> openFolder(const fs::path& folder)
{
    std::error_code code;
    if (!fs::exists(folder / "tokenizer.json", code))
        return Error{Errc::TokenizerMissing, "The folder holds no tokenizer.json.",
                     "Choose a folder with the tokenizer of the model, or a GGUF file.", folder.string()};
    Tokenizer::Names names;
    if (fs::exists(folder / "tokenizer_config.json", code)) {
        LS_TRY(const std::string text, readFile(folder / "tokenizer_config.json"));
        const auto config = parseJson(text);
        if (!config || !config->is_object())
            return Error{Errc::FileFormat, "tokenizer_config.json is not a JSON object.",
                         "The file is damaged. Fetch it again.", folder.string()};
        names = {tokenName(*config, "bos_token"), tokenName(*config, "eos_token")};
    }
    LS_TRY(const std::string json, readFile(folder / "tokenizer.json"));
    return Tokenizer::fromJson(json, names);
}

} // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::open(const std::string& path)
{
    std::error_code code;
    if (fs::is_directory(path, code))
        return openFolder(path);
    if (fs::path(path).extension() == ".json") {
        if (fs::path(path).filename() == "tokenizer.json")
            return openFolder(fs::path(path).parent_path());
        LS_TRY(const std::string json, readFile(path));
        return fromJson(json);
    }
    LS_TRY(const auto file, GgufFile::open(path));
    return fromGguf(*file);
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool special) const
{
    auto ids = tokenize(text, special);
    if (!ids)
        throw std::runtime_error(ids.error().message);
    return std::move(ids).value();
}

std::vector<std::size_t> tokenEnds(const Tokenizer& tokenizer, std::span<const std::int32_t> ids, std::string_view text)
{
    std::string all;
    std::vector<std::size_t> ends;
    for (const std::int32_t id : ids) {
        all += tokenizer.bytes(id);
        ends.push_back(all.size());
    }
    const std::size_t before = all.ends_with(text) ? all.size() - text.size() : 0;
    for (std::size_t& end : ends)
        end = std::min(end - std::min(end, before), text.size());
    return ends;
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer)
    : m_tokenizer(tokenizer)
    , m_memory(tokenizer.startDecoding())
{
}

StreamDecoder::StreamDecoder(const StreamDecoder& other) = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(std::int32_t id)
{
    return m_tokenizer.decodeNext({&id, 1}, m_memory, false);
}

std::string StreamDecoder::flush()
{
    return m_tokenizer.decodeNext({}, m_memory, true);
}

} // namespace ls
