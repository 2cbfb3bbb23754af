#pragma once

#include "engine/text/jinja/value.h"

namespace ls::jinja {

struct NumberLiteral {
    Value value;
    std::size_t length = 0;
};
/// A number at the start of `text`, which begins with a digit: 12, 1_000, 0x1f, 0b1, 0o7, 1.5, 2e3.
/// Failure: too large.
NumberLiteral readNumber(std::string_view text, bool mayBeReal);
/// The text between the quotes of a literal, Python's escapes replaced. Failure: damaged escape.
std::string unescaped(std::string_view text);
/// int(text, base) and float(text) of Python; nullopt where those raise ValueError. Failure: too large.
std::optional<std::int64_t> parseInteger(std::string_view text, int base);
std::optional<double> parseReal(std::string_view text);

} // namespace ls::jinja
