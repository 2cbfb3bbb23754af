#pragma once

#include "engine/text/regex.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace ls {

/// A replacement may make a text this much longer. The longest real ones, compatibility forms, grow it elevenfold.
inline constexpr std::size_t kGrowth = 32, kGrowthFree = 1 << 16;
Error growsTooMuch();

/// What Split and Replace look for: a text or a regular expression.
class Pattern {
public:
    static Result<Pattern> text(std::string text);
    static Result<Pattern> regex(std::string_view expression);
    /// {"String": "..."} or {"Regex": "..."}. Errors: FileFormat, TokenizerUnknown.
    static Result<Pattern> fromJson(const nlohmann::json& json);

    /// As Regex::forEachMatch.
    Status forEachMatch(std::string_view text, const std::function<void(std::size_t, std::size_t)>& onMatch) const;
    /// All matches replaced. Error: FileFormat when the text would grow without measure.
    Result<std::string> replaceAll(std::string_view text, std::string_view by) const;
    /// The text looked for is one character: it can be replaced in pieces of a text as well as in the whole.
    bool isCharacter() const;

private:
    std::string m_text;
    std::optional<Regex> m_regex;
};

} // namespace ls
