#include "engine/text/byte_level.h"

#include "engine/text/unicode.h"

#include <array>

namespace ls {

namespace {

constexpr char32_t kAlphabetEnd = 256 + 68; // 68 bytes are not printable

struct Alphabet {
    std::array<std::string, 256> ofByte;
    std::array<int, kAlphabetEnd> byteOf; // -1 = not in the alphabet
    Alphabet()
    {
        byteOf.fill(-1);
        char32_t next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            const char32_t c = printable ? char32_t(b) : next++;
            appendCharacter(ofByte[std::size_t(b)], c);
            byteOf[c] = b;
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

void appendAlphabet(std::string_view bytes, std::string& out)
{
    const Alphabet& table = alphabet();
    for (const char b : bytes)
        out += table.ofByte[static_cast<unsigned char>(b)];
}

std::string bytesToAlphabet(std::string_view bytes)
{
    std::string out;
    appendAlphabet(bytes, out);
    return out;
}

std::string alphabetToBytes(std::string_view token)
{
    const Alphabet& table = alphabet();
    std::string out;
    for (std::size_t at = 0; at < token.size();) {
        const char32_t c = nextCharacter(token, at);
        if (c >= kAlphabetEnd || table.byteOf[c] < 0)
            return std::string(token);
        out += char(table.byteOf[c]);
    }
    return out;
}

std::string repairUtf8(std::string_view bytes)
{
    if (isValidUtf8(bytes))
        return std::string(bytes);
    std::string out;
    while (!bytes.empty()) {
        const Scan next = scan(bytes);
        out += next.kind == Scan::Whole ? bytes.substr(0, next.length) : std::string_view("\xEF\xBF\xBD");
        bytes.remove_prefix(next.length);
    }
    return out;
}

bool isValidUtf8(std::string_view bytes)
{
    while (!bytes.empty()) {
        const Scan next = scan(bytes);
        if (next.kind != Scan::Whole)
            return false;
        bytes.remove_prefix(next.length);
    }
    return true;
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
