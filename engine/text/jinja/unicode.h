#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Text as Python sees it: a row of code points. Our texts are UTF-8; a byte that is not valid counts as one character.
namespace ls::jinja {

/// The character at `at`; moves `at` behind it. An invalid byte b gives 0xDC00 + b, as Python's surrogateescape.
char32_t nextCharacter(std::string_view text, std::size_t& at);
/// The inverse of nextCharacter.
void appendCharacter(std::string& out, char32_t c);
std::size_t countCharacters(std::string_view text);
/// Byte offset of the character with this index; text.size() beyond the end.
std::size_t offsetOf(std::string_view text, std::size_t index);

bool isSpace(char32_t c);     ///< str.isspace
bool isPrintable(char32_t c); ///< str.isprintable
bool isNameStart(char32_t c);
bool isNamePart(char32_t c);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text); ///< first character in title case, the rest in lower case
std::string titleWords(std::string_view text); ///< str.title
bool isLower(std::string_view text);
bool isUpper(std::string_view text);
bool isAll(std::string_view text, bool (*test)(char32_t)); ///< false for an empty text
bool isAlpha(char32_t c);
bool isDigit(char32_t c);
bool isAlphaNumeric(char32_t c);

std::string_view stripLeft(std::string_view text);
std::string_view stripRight(std::string_view text);
/// Characters of `characters` are taken away at the ends.
std::string_view stripLeft(std::string_view text, std::string_view characters);
std::string_view stripRight(std::string_view text, std::string_view characters);
std::vector<std::string_view> splitLines(std::string_view text, bool keepEnds);

/// Finds a text in linear time, whatever the texts.
class Finder {
public:
    explicit Finder(std::string_view needle);
    /// npos if there is none at or after `from`.
    std::size_t find(std::string_view text, std::size_t from) const;

private:
    std::string_view m_needle;
    std::vector<std::uint32_t> m_borders;
};

/// Python's repr of a text.
std::string quoted(std::string_view text);

} // namespace ls::jinja
