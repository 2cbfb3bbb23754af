#include "engine/text/jinja/unicode.h"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

namespace ls::jinja {

namespace {

bool isAscii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Applies a full case mapping to the valid parts of a text; invalid bytes stay.
template <typename Map>
std::string mapped(std::string_view text, const Map& map)
{
    std::string out;
    icu::UnicodeString part;
    const auto flush = [&] {
        map(part).toUTF8String(out);
        part.remove();
    };
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        if (c >= 0xDC80 && c <= 0xDCFF) {
            flush();
            appendCharacter(out, c);
        } else {
            part.append(UChar32(c));
        }
    }
    flush();
    return out;
}

std::string titled(char32_t c)
{
    std::string one;
    appendCharacter(one, c);
    if (c < 0x80)
        return upper(one);
    if (c >= 0xDC80 && c <= 0xDCFF)
        return one;
    // A final sigma and the like need no care: one character alone.
    const UChar32 simple = u_totitle(UChar32(c));
    if (simple != UChar32(c)) {
        std::string out;
        appendCharacter(out, char32_t(simple));
        return out;
    }
    std::string full = upper(one); // "ß" -> "SS": title case is "Ss"
    std::size_t first = 0;
    nextCharacter(full, first);
    return full.substr(0, first) + lower(std::string_view(full).substr(first));
}

bool isCased(char32_t c)
{
    return u_hasBinaryProperty(UChar32(c), UCHAR_CASED);
}

} // namespace

char32_t nextCharacter(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    if (first < 0x80) {
        ++at;
        return first;
    }
    const int length = first >= 0xF0 && first < 0xF5   ? 4
                       : first >= 0xE0 && first < 0xF0 ? 3
                       : first >= 0xC2 && first < 0xE0 ? 2
                                                       : 0;
    if (length == 0 || at + std::size_t(length) > text.size()) {
        ++at;
        return 0xDC00 + first;
    }
    char32_t c = first & (0xFF >> (length + 1));
    for (int i = 1; i < length; ++i) {
        if ((byte(at + std::size_t(i)) & 0xC0) != 0x80) {
            ++at;
            return 0xDC00 + first;
        }
        c = c << 6 | (byte(at + std::size_t(i)) & 0x3F);
    }
    const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
    if (overlong || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
        ++at;
        return 0xDC00 + first;
    }
    at += std::size_t(length);
    return c;
}

void appendCharacter(std::string& out, char32_t c)
{
    if (c < 0x80) {
        out += char(c);
    } else if (c < 0x800) {
        out += char(0xC0 | c >> 6);
        out += char(0x80 | (c & 0x3F));
    } else if (c >= 0xDC80 && c <= 0xDCFF) {
        out += char(c - 0xDC00);
    } else if (c < 0x10000) {
        out += char(0xE0 | c >> 12);
        out += char(0x80 | (c >> 6 & 0x3F));
        out += char(0x80 | (c & 0x3F));
    } else {
        out += char(0xF0 | c >> 18);
        out += char(0x80 | (c >> 12 & 0x3F));
        out += char(0x80 | (c >> 6 & 0x3F));
        out += char(0x80 | (c & 0x3F));
    }
}

std::size_t countCharacters(std::string_view text)
{
    if (isAscii(text))
        return text.size();
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count)
        nextCharacter(text, at);
    return count;
}

std::size_t offsetOf(std::string_view text, std::size_t index)
{
    std::size_t at = 0;
    for (; index > 0 && at < text.size(); --index)
        nextCharacter(text, at);
    return at;
}

bool isSpace(char32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isPrintable(char32_t c)
{
    if (c < 0x7F)
        return c >= 0x20;
    constexpr std::uint32_t kHidden = U_GC_C_MASK | U_GC_Z_MASK;
    return (U_GET_GC_MASK(UChar32(c)) & kHidden) == 0;
}

bool isNameStart(char32_t c)
{
    return c < 0x80 ? std::isalpha(int(c)) || c == '_' : u_hasBinaryProperty(UChar32(c), UCHAR_XID_START);
}

bool isNamePart(char32_t c)
{
    return c < 0x80 ? std::isalnum(int(c)) || c == '_' : u_hasBinaryProperty(UChar32(c), UCHAR_XID_CONTINUE);
}

std::string upper(std::string_view text)
{
    std::string out(text);
    if (!isAscii(text))
        return mapped(
            text, [](icu::UnicodeString& part) -> icu::UnicodeString& { return part.toUpper(icu::Locale::getRoot()); });
    for (char& c : out)
        c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
    return out;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    if (!isAscii(text))
        return mapped(
            text, [](icu::UnicodeString& part) -> icu::UnicodeString& { return part.toLower(icu::Locale::getRoot()); });
    for (char& c : out)
        c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    return out;
}

std::string capitalize(std::string_view text)
{
    if (text.empty())
        return {};
    std::size_t at = 0;
    const char32_t first = nextCharacter(text, at);
    return titled(first) + lower(text.substr(at));
}

std::string titleWords(std::string_view text)
{
    std::string out, word;
    for (std::size_t at = 0; at <= text.size();) {
        const char32_t c = at < text.size() ? nextCharacter(text, at) : (++at, U' ');
        if (isCased(c)) {
            appendCharacter(word, c);
            continue;
        }
        out += capitalize(word);
        word.clear();
        if (at <= text.size())
            appendCharacter(out, c);
    }
    return out;
}

bool isLower(std::string_view text)
{
    bool any = false;
    for (std::size_t at = 0; at < text.size();) {
        const UChar32 c = UChar32(nextCharacter(text, at));
        if (u_isUUppercase(c) || u_istitle(c))
            return false;
        any = any || u_isULowercase(c);
    }
    return any;
}

bool isUpper(std::string_view text)
{
    bool any = false;
    for (std::size_t at = 0; at < text.size();) {
        const UChar32 c = UChar32(nextCharacter(text, at));
        if (u_isULowercase(c) || u_istitle(c))
            return false;
        any = any || u_isUUppercase(c);
    }
    return any;
}

bool isAll(std::string_view text, bool (*test)(char32_t))
{
    for (std::size_t at = 0; at < text.size();)
        if (!test(nextCharacter(text, at)))
            return false;
    return !text.empty();
}

bool isAlpha(char32_t c)
{
    return u_isalpha(UChar32(c));
}

bool isDigit(char32_t c)
{
    return u_isdigit(UChar32(c)) || u_getIntPropertyValue(UChar32(c), UCHAR_NUMERIC_TYPE) == U_NT_DIGIT;
}

bool isAlphaNumeric(char32_t c)
{
    return isAlpha(c) || u_getIntPropertyValue(UChar32(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

std::string_view stripLeft(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        if (!isSpace(nextCharacter(text, at)))
            return text.substr(begin);
    }
    return {};
}

std::string_view stripRight(std::string_view text)
{
    std::size_t end = text.size();
    while (end > 0) {
        std::size_t begin = end - 1; // back to the first byte of the last character
        while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
            --begin;
        std::size_t at = begin;
        const char32_t c = nextCharacter(text, at);
        if (at != end || !isSpace(c))
            break;
        end = begin;
    }
    return text.substr(0, end);
}

namespace {

std::vector<char32_t> sortedCharacters(std::string_view text)
{
    std::vector<char32_t> out;
    for (std::size_t at = 0; at < text.size();)
        out.push_back(nextCharacter(text, at));
    std::sort(out.begin(), out.end());
    return out;
}

} // namespace

std::string_view stripLeft(std::string_view text, std::string_view characters)
{
    const std::vector<char32_t> set = sortedCharacters(characters);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        if (!std::binary_search(set.begin(), set.end(), nextCharacter(text, at)))
            return text.substr(begin);
    }
    return {};
}

std::string_view stripRight(std::string_view text, std::string_view characters)
{
    const std::vector<char32_t> set = sortedCharacters(characters);
    std::size_t kept = 0; // forward, so that invalid bytes are cut as everywhere else
    for (std::size_t at = 0; at < text.size();)
        if (!std::binary_search(set.begin(), set.end(), nextCharacter(text, at)))
            kept = at;
    return text.substr(0, kept);
}

std::vector<std::string_view> splitLines(std::string_view text, bool keepEnds)
{
    std::vector<std::string_view> lines;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = at;
        const char32_t c = nextCharacter(text, at);
        const bool breaks = (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
        if (!breaks)
            continue;
        if (c == '\r' && at < text.size() && text[at] == '\n')
            ++at;
        lines.push_back(text.substr(begin, (keepEnds ? at : end) - begin));
        begin = at;
    }
    if (begin < text.size())
        lines.push_back(text.substr(begin));
    return lines;
}

Finder::Finder(std::string_view needle)
    : m_needle(needle)
{
    if (needle.size() <= 16)
        return; // the plain search is quick enough
    m_borders.resize(needle.size());
    for (std::size_t i = 1, border = 0; i < needle.size(); ++i) {
        while (border > 0 && needle[i] != needle[border])
            border = m_borders[border - 1];
        border += needle[i] == needle[border];
        m_borders[i] = std::uint32_t(border);
    }
}

std::size_t Finder::find(std::string_view text, std::size_t from) const
{
    if (m_borders.empty())
        return text.find(m_needle, from);
    for (std::size_t at = from, matched = 0; at < text.size(); ++at) {
        while (matched > 0 && text[at] != m_needle[matched])
            matched = m_borders[matched - 1];
        matched += text[at] == m_needle[matched];
        if (matched == m_needle.size())
            return at + 1 - matched;
    }
    return std::string_view::npos;
}

std::string quoted(std::string_view text)
{
    const bool single = text.find('\'') == text.npos || text.find('"') != text.npos;
    const char quote = single ? '\'' : '"';
    std::string out(1, quote);
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = nextCharacter(text, at);
        if (c == U'\\' || c == char32_t(quote)) {
            out += '\\';
            out += char(c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        } else if (isPrintable(c)) {
            appendCharacter(out, c);
        } else {
            const auto code = std::uint32_t(c);
            out += c < 0x100     ? fmt::format("\\x{:02x}", code)
                   : c < 0x10000 ? fmt::format("\\u{:04x}", code)
                                 : fmt::format("\\U{:08x}", code);
        }
    }
    out += quote;
    return out;
}

} // namespace ls::jinja
