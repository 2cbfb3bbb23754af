#pragma once

#include <optional>
#include <string>
#include <string_view>

/// UTF-8 that may be broken.
namespace ls::utf8 {

struct Step {
    char32_t character = 0; ///< U+FFFD where the bytes are no UTF-8
    int length = 0; ///< bytes it takes: the longest wrong part becomes one U+FFFD (Unicode 3.9, "maximal subpart")
    bool valid = false;
    bool cut = false; ///< the text ends inside a character that could still become whole
};

/// Decodes the character at the front of a text that is not empty.
Step next(std::string_view text);
void append(std::string& out, char32_t character);
/// The text with every broken part replaced by U+FFFD.
std::string repaired(std::string_view text);
/// Where the first broken part begins; nothing if the text is UTF-8.
std::optional<std::size_t> firstInvalid(std::string_view text);

} // namespace ls::utf8
