#pragma once

#include "core/error.h"

#include <QString>

#include <cstdint>
#include <optional>
#include <string>

/// Numbers and texts as the screen shows them: minus is U+2212, units in words, nothing longer than it is exact.
namespace ls::text {

inline QString of(const std::string& text)
{
    return QString::fromStdString(text);
}
inline QString of(std::string_view text)
{
    return QString::fromUtf8(text.data(), qsizetype(text.size()));
}
/// Fixed digits; "—" for NaN.
QString number(double value, int digits);
/// As number(), with a sign in front.
QString signedNumber(double value, int digits);
QString bytes(std::int64_t count);
QString signedBytes(double count);
/// "0.41 [0.36, 0.47]"
QString interval(double value, std::optional<double> low, std::optional<double> high, int digits);
/// A token as one visible piece: line breaks as ⏎, an empty one as ∅.
QString token(const std::string& piece);
/// "Message Hint" for a tooltip or a reason line.
QString sentence(const Error& error);

} // namespace ls::text
