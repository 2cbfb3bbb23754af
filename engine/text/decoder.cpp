#include "engine/text/decoder.h"

#include "engine/text/decode_steps.h"
#include "engine/text/json_fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

constexpr double kMostGrowth = 32; // of a token by all replacements together

} // namespace

void Decoder::add(std::unique_ptr<DecodeStep> step)
{
    if (m_fused && !step->worksOnParts())
        step = decodeWhole(std::move(step));
    m_fused = m_fused || step->fuses();
    m_steps.push_back(std::move(step));
}

Status Decoder::addReplace(const JsonFields& fields)
{
    const JsonFields pattern(fields.at("pattern"), "decoder pattern");
    if (pattern.has("Regex"))
        return Error{Errc::TokenizerUnknown,
                     "A decoder with a regular expression is not known.",
                     "Guessing would give wrong text, so the model is not opened.",
                     {}};
    LS_TRY(std::string what, pattern.text("String"));
    LS_TRY(std::string by, fields.text("content"));
    if (what.empty())
        return pattern.wrong("String", "longer than nothing");
    m_growth *= std::max(1.0, double(by.size()) / double(what.size()));
    if (m_growth > kMostGrowth)
        return fields.wrong("content", "short enough: every token would grow without measure");
    add(decodeReplace(std::move(what), std::move(by)));
    return success();
}

Status Decoder::add(const nlohmann::json& json)
{
    const JsonFields fields(json, "decoder");
    LS_TRY(const std::string type, fields.text("type"));
    if (type == "Sequence") {
        LS_TRY(const nlohmann::json* list, fields.list("decoders"));
        for (const nlohmann::json& item : *list)
            LS_CHECK(add(item));
    } else if (type == "ByteLevel") {
        add(decodeByteLevel());
    } else if (type == "ByteFallback") {
        add(decodeByteFallback());
    } else if (type == "Fuse") {
        add(decodeFuse());
    } else if (type == "Replace") {
        LS_CHECK(addReplace(fields));
    } else if (type == "Strip") {
        LS_TRY(std::string content, fields.character("content", ""));
        LS_TRY(const std::int64_t start, fields.integer("start"));
        LS_TRY(const std::int64_t stop, fields.integer("stop"));
        if (start < 0 || stop < 0)
            return fields.wrong("start", "a number of characters");
        add(decodeStrip(std::move(content), std::size_t(start), std::size_t(stop), m_fused));
    } else if (type == "Metaspace") {
        LS_TRY(const Metaspace metaspace, Metaspace::fromJson(fields));
        add(decodeMetaspace(metaspace));
    } else {
        return Error{Errc::TokenizerUnknown,
                     fmt::format("The decoder \"{}\" is not known.", type),
                     "Guessing would give wrong text, so the model is not opened.",
                     {}};
    }
    return success();
}

Result<Decoder> Decoder::fromJson(const nlohmann::json& json)
{
    Decoder decoder;
    if (json.is_null())
        decoder.add(decodeJoin());
    else
        LS_CHECK(decoder.add(json));
    return decoder;
}

Decoder Decoder::byteLevel()
{
    Decoder decoder;
    decoder.add(decodeByteLevel());
    return decoder;
}

Decoder Decoder::sentencePiece(bool spaceInFront)
{
    Decoder decoder;
    decoder.add(decodeReplace("\u2581", " "));
    decoder.add(decodeByteFallback());
    decoder.add(decodeFuse());
    if (spaceInFront)
        decoder.add(decodeStrip(" ", 1, 0, true));
    return decoder;
}

std::string Decoder::run(std::vector<std::string> tokens, std::vector<DecodeMemory>& memory, bool last) const
{
    for (std::size_t i = 0; i < m_steps.size(); ++i)
        m_steps[i]->run(tokens, memory[i], last);
    std::string text;
    for (const std::string& token : tokens)
        text += token;
    return text;
}

std::string Decoder::bytesOf(std::string token) const
{
    for (const auto& step : m_steps)
        token = step->bytesOf(std::move(token));
    return token;
}

} // namespace ls
