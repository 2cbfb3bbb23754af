#pragma once

#include <string>
#include <string_view>

namespace ls {

/// GPT-2's byte alphabet: every byte has a printable character, so that vocabularies are text.
/// Appends the characters of the bytes (at most two bytes each).
void appendAlphabet(std::string_view bytes, std::string& out);
std::string bytesToAlphabet(std::string_view bytes);
/// The bytes a token of that alphabet stands for; a token with any other character stands for itself.
std::string alphabetToBytes(std::string_view token);

/// Replaces every maximal broken part by U+FFFD, as Python's and Rust's lossy decoders do.
std::string repairUtf8(std::string_view bytes);
bool isValidUtf8(std::string_view bytes);
/// Length of the longest prefix that is whole UTF-8 or already known to be broken; what follows may still become whole.
std::size_t completePrefix(std::string_view bytes);

} // namespace ls
