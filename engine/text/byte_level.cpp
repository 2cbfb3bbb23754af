#include "engine/text/byte_level.h"

#include <unordered_map>

namespace ls {

namespace {

void appendUtf8(std::string& out, char32_t c)
{
    if (c < 0x80) {
        out += char(c);
    } else { // the alphabet ends at U+0143
        out += char(0xC0 | (c >> 6));
        out += char(0x80 | (c & 63));
    }
}

struct Alphabet {
    std::array<std::string, 256> ofByte;
    std::unordered_map<std::string, char> byteOf;
    Alphabet()
    {
        char32_t next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            appendUtf8(ofByte[std::size_t(b)], printable ? char32_t(b) : next++);
            byteOf.emplace(ofByte[std::size_t(b)], char(b));
        }
    }
};

const Alphabet& alphabet()
{
    static const Alphabet table;
    return table;
}

/// What stands at the start of `bytes`: `length` bytes that form a character (whole), that can never form one (broken),
/// or that end too early (cut).
struct Scan {
    std::size_t length;
    enum { Whole, Broken, Cut } kind;
};

Scan scan(std::string_view bytes)
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned char lead = at(0);
    if (lead < 0x80)
        return {1, Scan::Whole};
    const std::size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4)
        return {1, Scan::Broken};
    for (std::size_t i = 1; i < wanted; ++i) {
        if (i >= bytes.size())
            return {i, Scan::Cut};
        unsigned char low = 0x80, high = 0xBF;
        if (i == 1) { // no overlong forms, no surrogates, nothing above U+10FFFF
            low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
            high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        }
        if (at(i) < low || at(i) > high)
            return {i, Scan::Broken};
    }
    return {wanted, Scan::Whole};
}

} // namespace

std::string bytesToAlphabet(std::string_view bytes)
{
    std::string out;
    for (const char b : bytes)
        out += alphabet().ofByte[static_cast<unsigned char>(b)];
    return out;
}

std::string alphabetToBytes(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const std::size_t length = scan(text).length;
        const std::string character(text.substr(0, length));
        const auto found = alphabet().byteOf.find(character);
        if (found != alphabet().byteOf.end())
            out += found->second;
        else
            out += character;
        text.remove_prefix(length);
    }
    return out;
}

std::string repairUtf8(std::string_view bytes)
{
    std::string out;
    while (!bytes.empty()) {
        const Scan next = scan(bytes);
        out += next.kind == Scan::Whole ? bytes.substr(0, next.length) : std::string_view("\xEF\xBF\xBD");
        bytes.remove_prefix(next.length);
    }
    return out;
}

std::size_t completePrefix(std::string_view bytes)
{
    std::size_t done = 0;
    while (done < bytes.size()) {
        const Scan next = scan(bytes.substr(done));
        if (next.kind == Scan::Cut)
            break;
        done += next.length;
    }
    return done;
}

} // namespace ls
