#include "engine/text/jinja/literals.h"

#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace ls::jinja {

namespace {

bool isDecimal(char c)
{
    return c >= '0' && c <= '9';
}

int digitValue(char c)
{
    if (isDecimal(c))
        return c - '0';
    const char small = char(c | 0x20);
    return small >= 'a' && small <= 'z' ? small - 'a' + 10 : 99;
}

/// Digits of the base, single underscores between them; the length, 0 if there is none.
std::size_t digitsLength(std::string_view text, int base, bool underscoreFirst)
{
    std::size_t end = 0;
    while (end < text.size()) {
        const std::size_t digit = end + (text[end] == '_' && (end > 0 || underscoreFirst));
        if (digit >= text.size() || digitValue(text[digit]) >= base)
            break;
        end = digit + 1;
    }
    return end;
}

std::string withoutUnderscores(std::string_view text)
{
    std::string out(text);
    std::erase(out, '_');
    return out;
}

std::int64_t integerFrom(std::string_view digits, int base)
{
    const std::string plain = withoutUnderscores(digits);
    std::int64_t value = 0;
    const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
    if (result.ec == std::errc::result_out_of_range)
        throw Failure{"The number " + plain.substr(0, 40) + " is too large."};
    return value;
}

double realFrom(const std::string& plain)
{
    double value = 0;
    const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), value);
    if (result.ec == std::errc::result_out_of_range) { // too large, or so small that it is zero
        const std::size_t e = plain.find_first_of("eE");
        const bool tiny = e != plain.npos && plain[e + 1] == '-';
        return tiny                   ? 0.0
               : plain.front() == '-' ? -std::numeric_limits<double>::infinity()
                                      : std::numeric_limits<double>::infinity();
    }
    return value;
}

} // namespace

NumberLiteral readNumber(std::string_view text, bool mayBeReal)
{
    const std::size_t whole = digitsLength(text, 10, false);
    if (mayBeReal) {
        std::size_t end = whole;
        if (end + 1 < text.size() && text[end] == '.' && isDecimal(text[end + 1]))
            end += 1 + digitsLength(text.substr(end + 1), 10, false);
        const std::size_t fraction = end;
        if (end < text.size() && (text[end] | 0x20) == 'e') {
            std::size_t exponent = end + 1;
            exponent += exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-');
            if (exponent < text.size() && isDecimal(text[exponent]))
                end = exponent + digitsLength(text.substr(exponent), 10, false);
        }
        if (end > whole || fraction > whole)
            return {Value(realFrom(withoutUnderscores(text.substr(0, end)))), end};
    }
    if (text[0] == '0') {
        const char mark = text.size() > 1 ? char(text[1] | 0x20) : ' ';
        const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
        const std::size_t digits = base ? digitsLength(text.substr(2), base, true) : 0;
        if (digits > 0)
            return {Value(integerFrom(text.substr(2, digits), base)), 2 + digits};
        std::size_t zeros = 1; // "012" is 0 and 12, as in the reference
        while (zeros < text.size() &&
               (text[zeros] == '0' || (text[zeros] == '_' && zeros + 1 < text.size() && text[zeros + 1] == '0')))
            ++zeros;
        return {Value(std::int64_t(0)), zeros};
    }
    return {Value(integerFrom(text.substr(0, whole), 10)), whole};
}

namespace {

/// \x41, \u00e9, \U0001f600
char32_t hexEscape(std::string_view text, std::size_t& at, std::size_t digits, const char* name)
{
    std::uint32_t code = 0;
    const std::string_view part = text.substr(std::min(at, text.size()), digits);
    const bool hexadecimal = std::all_of(part.begin(), part.end(), [](char c) { return digitValue(c) < 16; });
    if (part.size() < digits || !hexadecimal)
        throw Failure{fmt::format("truncated {} escape", name)};
    std::from_chars(part.data(), part.data() + digits, code, 16);
    if (code > 0x10FFFF)
        throw Failure{"illegal Unicode character"};
    at += digits;
    return code;
}

bool isHighSurrogate(char32_t c)
{
    return c >= 0xD800 && c < 0xDC00;
}

/// The character of an escape that is four or eight digits long; a pair of surrogates is one character.
void appendUnicode(std::string& out, std::string_view text, std::size_t& at, bool isLong)
{
    char32_t c = hexEscape(text, at, isLong ? 8 : 4, isLong ? "\\UXXXXXXXX" : "\\uXXXX");
    if (isHighSurrogate(c) && text.substr(at).starts_with("\\u")) {
        std::size_t next = at + 2;
        const char32_t low = hexEscape(text, next, 4, "\\uXXXX");
        if (low >= 0xDC00 && low < 0xE000) {
            at = next;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    appendCharacter(out, c >= 0xD800 && c < 0xE000 ? U'\uFFFD' : c); // half a pair is no text
}

} // namespace

std::string unescaped(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '\\') {
            out += text[at++];
            continue;
        }
        if (++at >= text.size())
            throw Failure{"\\ at end of string"};
        const std::size_t begin = at;
        const char32_t c = nextCharacter(text, at);
        constexpr std::string_view kFrom = "abfnrtv\\'\"", kTo = "\a\b\f\n\r\t\v\\'\"";
        if (c == '\n') {
            continue; // the line goes on
        } else if (c < 0x80 && kFrom.find(char(c)) != kFrom.npos) {
            out += kTo[kFrom.find(char(c))];
        } else if (c >= '0' && c <= '7') {
            char32_t code = c - '0';
            for (int i = 0; i < 2 && at < text.size() && text[at] >= '0' && text[at] <= '7'; ++i)
                code = code * 8 + char32_t(text[at++] - '0');
            appendCharacter(out, code);
        } else if (c == 'x') {
            appendCharacter(out, hexEscape(text, at, 2, "\\xXX"));
        } else if (c == 'u' || c == 'U') {
            appendUnicode(out, text, at, c == 'U');
        } else if (c == 'N') {
            throw Failure{"Character names (\\N{...}) are not supported."};
        } else if (c >= 0x80) { // a quirk of the reference: the character becomes its own escape
            const auto code = std::uint32_t(c);
            out += c < 0x100     ? fmt::format("\\x{:02x}", code)
                   : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                                 : fmt::format("\\U{:08x}", code);
        } else {
            out += '\\';
            out += text.substr(begin, at - begin);
        }
    }
    return out;
}

std::optional<std::int64_t> parseInteger(std::string_view text, int base)
{
    text = stripRight(stripLeft(text));
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    const char mark = text.size() > 1 && text[0] == '0' ? char(text[1] | 0x20) : ' ';
    const int named = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    bool prefixed = false;
    if (named && (base == named || base == 0)) {
        text.remove_prefix(2);
        base = named;
        prefixed = true;
    }
    if (base == 0) {
        base = 10;
        if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != text.npos)
            return std::nullopt;
    }
    if (base < 2 || base > 36 || text.empty() || digitsLength(text, base, prefixed) != text.size())
        return std::nullopt;
    return integerFrom((negative ? "-" : "") + std::string(text), base);
}

std::optional<double> parseReal(std::string_view text)
{
    text = stripRight(stripLeft(text));
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    const double sign = negative ? -1.0 : 1.0;
    const std::string word = lower(text);
    if (word == "inf" || word == "infinity")
        return sign * std::numeric_limits<double>::infinity();
    if (word == "nan")
        return std::numeric_limits<double>::quiet_NaN();
    std::size_t end = digitsLength(text, 10, false);
    bool any = end > 0;
    if (end < text.size() && text[end] == '.') {
        const std::size_t fraction = digitsLength(text.substr(end + 1), 10, false);
        any = any || fraction > 0;
        end += 1 + fraction;
    }
    if (any && end < text.size() && (text[end] | 0x20) == 'e') {
        std::size_t exponent = end + 1;
        exponent += exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-');
        const std::size_t digits = digitsLength(text.substr(std::min(exponent, text.size())), 10, false);
        if (digits == 0)
            return std::nullopt;
        end = exponent + digits;
    }
    if (!any || end != text.size())
        return std::nullopt;
    std::string plain = withoutUnderscores(text);
    return sign * realFrom(plain);
}

} // namespace ls::jinja
