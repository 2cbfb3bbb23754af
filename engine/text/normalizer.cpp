#include "engine/text/normalizer.h"

#include "engine/text/byte_level.h"
#include "engine/text/json_fields.h"
#include "engine/text/pattern.h"
#include "engine/text/precompiled.h"
#include "engine/text/unicode.h"

#include <fmt/format.h>

#include <functional>
#include <vector>

namespace ls {

namespace {

constexpr std::size_t kLongestInsertion = 1000; // bytes; it is repeated for every piece of a text

class Each final : public Normalizer {
public:
    using Function = std::function<Result<std::string>(std::string)>;
    explicit Each(Function function)
        : m_function(std::move(function))
    {
    }
    Result<std::string> apply(std::string text) const override { return m_function(std::move(text)); }

private:
    Function m_function;
};

std::unique_ptr<Normalizer> each(Each::Function function)
{
    return std::make_unique<Each>(std::move(function));
}

class InTurn final : public Normalizer {
public:
    explicit InTurn(std::vector<std::unique_ptr<Normalizer>> parts)
        : m_parts(std::move(parts))
    {
    }
    Result<std::string> apply(std::string text) const override
    {
        const std::size_t limit = kGrowth * text.size() + kGrowthFree;
        for (const auto& part : m_parts) {
            LS_TRY(text, part->apply(std::move(text)));
            if (text.size() > limit)
                return growsTooMuch();
        }
        return text;
    }

private:
    std::vector<std::unique_ptr<Normalizer>> m_parts;
};

std::unique_ptr<Normalizer> form(NormalForm form)
{
    return each([form](std::string text) { return normalised(text, form); });
}

std::unique_ptr<Normalizer> prepend(std::string prefix)
{
    return each([prefix = std::move(prefix)](std::string text) -> Result<std::string> {
        return text.empty() ? text : prefix + text;
    });
}

std::unique_ptr<Normalizer> replace(Pattern pattern, std::string by)
{
    auto shared = std::make_shared<Pattern>(std::move(pattern));
    return each([shared, by = std::move(by)](std::string text) { return shared->replaceAll(text, by); });
}

template <typename F>
std::unique_ptr<Normalizer> filter(F&& edit) // appends to the second argument what becomes of a character
{
    return each([edit](std::string text) -> Result<std::string> {
        std::string out;
        for (std::size_t at = 0; at < text.size();)
            edit(nextCharacter(text, at), out);
        return out;
    });
}

std::string stripped(std::string_view text, bool left, bool right)
{
    std::size_t begin = 0, end = 0; // end: behind the last character that is no space
    bool leading = true;
    for (std::size_t at = 0; at < text.size();) {
        const bool space = isWhitespace(nextCharacter(text, at));
        leading = leading && space;
        if (leading)
            begin = at;
        if (!space)
            end = at;
    }
    begin = left ? begin : 0;
    end = right ? end : text.size();
    return std::string(end > begin ? text.substr(begin, end - begin) : std::string_view());
}

void editLikeNmt(char32_t c, std::string& out)
{
    const bool dropped =
        (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                       c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    if (!dropped)
        appendCharacter(out, space ? U' ' : c);
}

Result<std::unique_ptr<Normalizer>> inTurn(const nlohmann::json& list)
{
    std::vector<std::unique_ptr<Normalizer>> parts;
    for (const nlohmann::json& item : list) {
        LS_TRY(auto part, Normalizer::fromJson(item));
        if (part)
            parts.push_back(std::move(part));
    }
    return std::unique_ptr<Normalizer>(std::make_unique<InTurn>(std::move(parts)));
}

} // namespace

std::unique_ptr<Normalizer> Normalizer::nfc()
{
    return form(NormalForm::C);
}

Result<std::unique_ptr<Normalizer>> Normalizer::sentencePiece(bool spaceInFront)
{
    LS_TRY(Pattern space, Pattern::text(" "));
    std::vector<std::unique_ptr<Normalizer>> parts;
    if (spaceInFront)
        parts.push_back(prepend("\u2581"));
    parts.push_back(replace(std::move(space), "\u2581"));
    return std::unique_ptr<Normalizer>(std::make_unique<InTurn>(std::move(parts)));
}

Result<std::unique_ptr<Normalizer>> Normalizer::fromJson(const nlohmann::json& json)
{
    if (json.is_null())
        return std::unique_ptr<Normalizer>();
    const JsonFields fields(json, "normalizer");
    LS_TRY(const std::string type, fields.text("type"));
    if (type == "NFC")
        return form(NormalForm::C);
    if (type == "NFD")
        return form(NormalForm::D);
    if (type == "NFKC")
        return form(NormalForm::KC);
    if (type == "NFKD")
        return form(NormalForm::KD);
    if (type == "Lowercase")
        return each([](std::string text) -> Result<std::string> { return lowered(text); });
    if (type == "StripAccents")
        return filter([](char32_t c, std::string& out) {
            if (!isMark(c))
                appendCharacter(out, c);
        });
    if (type == "Nmt")
        return filter(editLikeNmt);
    if (type == "ByteLevel")
        return each([](std::string text) -> Result<std::string> { return bytesToAlphabet(text); });
    if (type == "Strip") {
        LS_TRY(const bool left, fields.flag("strip_left", true));
        LS_TRY(const bool right, fields.flag("strip_right", true));
        return each([left, right](std::string text) -> Result<std::string> { return stripped(text, left, right); });
    }
    if (type == "Prepend" || type == "Replace") {
        const char* key = type == "Prepend" ? "prepend" : "content";
        LS_TRY(std::string inserted, fields.text(key));
        if (inserted.size() > kLongestInsertion)
            return fields.wrong(key, fmt::format("shorter than {} bytes", kLongestInsertion));
        if (type == "Prepend")
            return prepend(std::move(inserted));
        LS_TRY(Pattern pattern, Pattern::fromJson(fields.at("pattern")));
        return replace(std::move(pattern), std::move(inserted));
    }
    if (type == "Precompiled") {
        LS_TRY(const std::string encoded, fields.text("precompiled_charsmap", ""));
        if (encoded.empty())
            return std::unique_ptr<Normalizer>();
        LS_TRY(auto map, Precompiled::fromBase64(encoded));
        return each(
            [map = std::make_shared<Precompiled>(std::move(map))](std::string text) { return map->apply(text); });
    }
    if (type == "Sequence") {
        LS_TRY(const nlohmann::json* list, fields.list("normalizers"));
        return inTurn(*list);
    }
    return Error{Errc::TokenizerUnknown,
                 fmt::format("The normalizer \"{}\" is not known.", type),
                 "Guessing would give wrong ids, so the model is not opened.",
                 {}};
}

} // namespace ls
