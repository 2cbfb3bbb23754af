#include "engine/text/pattern.h"

#include "engine/text/json_fields.h"
#include "engine/text/unicode.h"

namespace ls {

Error growsTooMuch()
{
    return {Errc::FileFormat,
            "The tokenizer's replacements make this text grow without measure.",
            "Fetch the tokenizer from its source again.",
            {}};
}

Result<Pattern> Pattern::text(std::string text)
{
    Pattern pattern;
    if (text.empty()) { // between all characters
        LS_TRY(pattern.m_regex, Regex::compile(""));
    }
    pattern.m_text = std::move(text);
    return pattern;
}

Result<Pattern> Pattern::regex(std::string_view expression)
{
    Pattern pattern;
    LS_TRY(pattern.m_regex, Regex::compile(expression));
    return pattern;
}

Result<Pattern> Pattern::fromJson(const nlohmann::json& json)
{
    const JsonFields fields(json, "pattern");
    if (fields.has("Regex")) {
        LS_TRY(const std::string expression, fields.text("Regex"));
        return regex(expression);
    }
    LS_TRY(std::string literal, fields.text("String"));
    return text(std::move(literal));
}

Status Pattern::forEachMatch(std::string_view text, const std::function<void(std::size_t, std::size_t)>& onMatch) const
{
    if (m_regex)
        return m_regex->forEachMatch(text, onMatch);
    for (std::size_t at = text.find(m_text); at != std::string_view::npos; at = text.find(m_text, at + m_text.size()))
        onMatch(at, at + m_text.size());
    return success();
}

Result<std::string> Pattern::replaceAll(std::string_view text, std::string_view by) const
{
    std::string out;
    std::size_t done = 0;
    const std::size_t limit = kGrowth * text.size() + kGrowthFree;
    bool tooLong = false;
    LS_CHECK(forEachMatch(text, [&](std::size_t begin, std::size_t end) {
        tooLong = tooLong || out.size() + (begin - done) + by.size() > limit;
        if (!tooLong)
            out.append(text.substr(done, begin - done)).append(by);
        done = end;
    }));
    if (tooLong)
        return growsTooMuch();
    return out.append(text.substr(done));
}

bool Pattern::isCharacter() const
{
    return !m_text.empty() && characterLength(m_text, 0) == m_text.size();
}

} // namespace ls
