#include "engine/text/gguf_pretokenizers.h"

#include "engine/text/pretokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

namespace ls {

namespace {

// Of the published tokenizer.json files of these families.
constexpr const char* kDigit = R"(\p{N})";
constexpr const char* kLlama3 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
                                R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
                               R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                                R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                                R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

bool isOneOf(std::string_view name, std::initializer_list<std::string_view> names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

Result<GgufPretokenizer> ggufPretokenizer(const std::string& name)
{
    if (isOneOf(name, {"default", "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "exaone4", "granite-docling"}))
        return GgufPretokenizer{{kGpt2Pattern}};
    if (isOneOf(name, {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}))
        return GgufPretokenizer{{kDigit, kGpt2Pattern}};
    if (isOneOf(name, {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "lfm2"}))
        return GgufPretokenizer{{kLlama3}, true, true};
    if (isOneOf(name, {"dbrx", "smaug-bpe"}))
        return GgufPretokenizer{{kLlama3}};
    if (isOneOf(name, {"qwen2", "deepseek-r1-qwen"}))
        return GgufPretokenizer{{kQwen2}, false, false, true};
    if (name == "stablelm2")
        return GgufPretokenizer{{kQwen2}};
    if (name == "gpt-4o")
        return GgufPretokenizer{{kGpt4o}};
    if (name == "tekken")
        return GgufPretokenizer{{kTekken}, true, true};
    return Error{
        Errc::TokenizerUnknown,
        fmt::format("The pre-tokenizer \"{}\" is not known.", name),
        "Guessing would give wrong ids, so the model is not opened. Known: gpt-2, smollm, llama-bpe, qwen2 and "
        "their relatives, gpt-4o, tekken.",
        {}};
}

} // namespace ls
