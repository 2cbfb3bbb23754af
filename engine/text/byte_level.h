#pragma once

#include <array>
#include <string>
#include <string_view>

namespace ls {

/// GPT-2's byte alphabet: every byte has a printable character, so that vocabularies are text.
/// Encodes bytes as UTF-8 text of that alphabet, and back (characters outside it are kept as they are).
std::string bytesToAlphabet(std::string_view bytes);
std::string alphabetToBytes(std::string_view text);

/// Replaces every maximal broken part by U+FFFD, as Python's and Rust's lossy decoders do.
std::string repairUtf8(std::string_view bytes);
/// Length of the longest prefix that is whole UTF-8 or already known to be broken; what follows may still become whole.
std::size_t completePrefix(std::string_view bytes);

} // namespace ls
