#pragma once

#include "engine/formats/gguf.h"
#include "engine/text/tokenizer.h"
#include "tests/support/bad_file.h"

#include <nlohmann/json.hpp>

#include <QByteArray>
#include <QVector>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

/// Vocabularies that tests read and make.
namespace ls::test {

/// discarded if the file is missing or no JSON
inline nlohmann::json readJson(const std::string& path)
{
    std::ifstream in(path);
    return nlohmann::json::parse(in, nullptr, false);
}

inline std::string goldenTokenizerPath(const std::string& name)
{
    return std::string(LAYERSCOPE_TEST_DATA) + "/golden/tokenizers/" + name + "/tokenizer.json";
}

/// The parts in `changes` replace those of the file; a model without vocabulary keeps it (make_tokenizer_claims.py).
inline nlohmann::json patched(nlohmann::json file, const nlohmann::json& changes)
{
    for (const auto& [key, value] : changes.items()) {
        const nlohmann::json model = file["model"];
        file[key] = value;
        if (key == "model")
            for (const char* part : {"vocab", "merges"})
                file["model"][part] = model[part];
    }
    return file;
}

inline QVector<int> toQt(const std::vector<std::int32_t>& ids)
{
    return QVector<int>(ids.begin(), ids.end());
}

/// A GGUF file with a vocabulary and nothing else.
struct GgufVocabulary {
    std::string model = "gpt2", pre;
    std::vector<std::string> tokens, merges;
    std::vector<std::int32_t> types;
    std::vector<float> scores;
    std::vector<std::pair<std::string, bool>> flags; ///< tokenizer.ggml.<name>
    std::vector<std::pair<std::string, std::uint32_t>> numbers;

    std::string bytes() const
    {
        constexpr std::uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kText = 8, kList = 9;
        std::uint64_t count = 0;
        Bytes values;
        const auto key = [&](const std::string& name, std::uint32_t type) {
            ++count;
            values.text("tokenizer.ggml." + name).number(type);
        };
        const auto texts = [&](const char* name, const std::vector<std::string>& list) {
            if (list.empty())
                return;
            key(name, kList);
            values.number(kText).number(std::uint64_t(list.size()));
            for (const std::string& text : list)
                values.text(text);
        };
        const auto numbersOf = [&](const char* name, std::uint32_t type, const auto& list) {
            if (list.empty())
                return;
            key(name, kList);
            values.number(type).number(std::uint64_t(list.size()));
            for (const auto value : list)
                values.number(value);
        };
        key("model", kText);
        values.text(model);
        if (!pre.empty()) {
            key("pre", kText);
            values.text(pre);
        }
        texts("tokens", tokens);
        texts("merges", merges);
        numbersOf("token_type", kI32, types);
        numbersOf("scores", kF32, scores);
        for (const auto& [name, value] : flags) {
            key(name, kBool);
            values.number(std::uint8_t(value));
        }
        for (const auto& [name, value] : numbers) {
            key(name, kU32);
            values.number(value);
        }
        return Bytes()
            .raw("GGUF")
            .number(std::uint32_t(3))
            .number(std::uint64_t(0))
            .number(count)
            .raw(values.all())
            .padTo(32)
            .all();
    }

    Result<std::unique_ptr<Tokenizer>> open(const std::string& path) const
    {
        writeFile(path, bytes());
        LS_TRY(const auto file, GgufFile::open(path));
        return Tokenizer::fromGguf(*file);
    }
};

/// The vocabulary of a BPE tokenizer.json as a converter would write it: added tokens are control tokens.
inline GgufVocabulary ggufOf(const nlohmann::json& json)
{
    GgufVocabulary out;
    const auto& vocabulary = json["model"]["vocab"];
    out.tokens.resize(vocabulary.size());
    out.types.assign(vocabulary.size(), 1);
    for (const auto& [text, id] : vocabulary.items())
        out.tokens[id.get<std::size_t>()] = text;
    for (const auto& merge : json["model"]["merges"])
        out.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    for (const auto& token : json["added_tokens"])
        out.types[token["id"].get<std::size_t>()] = 3;
    return out;
}

} // namespace ls::test
