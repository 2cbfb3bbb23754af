#pragma once

#include "core/error.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

/// Characters and normal forms. Every text here is valid UTF-8 (see repairUtf8).
namespace ls {

/// The character at text[at]; moves `at` behind it.
char32_t nextCharacter(std::string_view text, std::size_t& at);
void appendCharacter(std::string& out, char32_t c);
/// Number of bytes of the character at text[at].
std::size_t characterLength(std::string_view text, std::size_t at);

bool isWhitespace(char32_t c);    ///< Unicode White_Space
bool isWordCharacter(char32_t c); ///< \w of UTS #18: Alphabetic, marks, decimal digits, connectors, joiners
bool isNumeric(char32_t c);       ///< general category N
bool isPunctuation(char32_t c);   ///< general category P, or ASCII punctuation and symbols
bool isMark(char32_t c);          ///< general category M

enum class NormalForm { C, D, KC, KD };
/// Error: Internal if ICU's data is missing.
Result<std::string> normalised(std::string_view text, NormalForm form);
/// Character by character, without context (a final sigma stays a sigma).
std::string lowered(std::string_view text);
/// Extended grapheme clusters in order. Error: Internal if ICU's data is missing.
Status forEachGrapheme(std::string_view text, const std::function<void(std::string_view)>& onCluster);

} // namespace ls
