#include "core/utf8.h"

namespace ls::utf8 {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

} // namespace

Step next(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80)
        return {first, 1, true, false};
    int length = 0;
    char32_t character = 0;
    unsigned low = 0x80, high = 0xBF; // bounds of the second byte: no surrogates, nothing written longer than needed
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
        character = first & 0x1F;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        character = first & 0x0F;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        character = first & 0x07;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    } else {
        return {kReplacement, 1, false, false};
    }
    for (int i = 1; i < length; ++i) {
        if (std::size_t(i) >= text.size())
            return {kReplacement, i, false, true};
        const unsigned b = byte(std::size_t(i));
        if (b < low || b > high)
            return {kReplacement, i, false, false};
        character = character << 6 | (b & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    return {character, length, true, false};
}

void append(std::string& out, char32_t c)
{
    if (c < 0x80) {
        out += char(c);
    } else if (c < 0x800) {
        out += char(0xC0 | (c >> 6));
        out += char(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += char(0xE0 | (c >> 12));
        out += char(0x80 | ((c >> 6) & 0x3F));
        out += char(0x80 | (c & 0x3F));
    } else {
        out += char(0xF0 | (c >> 18));
        out += char(0x80 | ((c >> 12) & 0x3F));
        out += char(0x80 | ((c >> 6) & 0x3F));
        out += char(0x80 | (c & 0x3F));
    }
}

std::string repaired(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Step step = next(text);
        if (step.valid)
            out.append(text.substr(0, std::size_t(step.length)));
        else
            append(out, kReplacement);
        text.remove_prefix(std::size_t(step.length));
    }
    return out;
}

std::optional<std::size_t> firstInvalid(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const Step step = next(text.substr(at));
        if (!step.valid)
            return at;
        at += std::size_t(step.length);
    }
    return {};
}

} // namespace ls::utf8
