#include "engine/text/precompiled.h"

#include "engine/text/byte_level.h"
#include "engine/text/pattern.h"
#include "engine/text/unicode.h"

#include <optional>

namespace ls {

namespace {

std::optional<std::string> decodeBase64(std::string_view text)
{
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    while (!text.empty() && text.back() == '=')
        text.remove_suffix(1);
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos)
            return std::nullopt;
        bits = bits << 6 | std::uint32_t(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += char(bits >> count & 0xFF);
        }
    }
    return out;
}

std::uint32_t unitAt(std::string_view bytes, std::size_t at)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value |= std::uint32_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return value;
}

// Fields of a unit of the double array.
std::uint32_t labelOf(std::uint32_t unit)
{
    return unit & (1u << 31 | 0xFF);
}
std::uint32_t offsetOf(std::uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}
bool hasLeaf(std::uint32_t unit)
{
    return unit >> 8 & 1;
}

Error damaged()
{
    return {Errc::FileFormat, "The tokenizer's character map is damaged.", "Fetch the file again.", {}};
}

} // namespace

Result<Precompiled> Precompiled::fromBase64(std::string_view text)
{
    const auto bytes = decodeBase64(text);
    if (!bytes || bytes->size() < 4)
        return damaged();
    const std::size_t trieBytes = unitAt(*bytes, 0);
    if (trieBytes % 4 != 0 || trieBytes < 4 || trieBytes > bytes->size() - 4)
        return damaged();
    Precompiled map;
    for (std::size_t at = 4; at < 4 + trieBytes; at += 4)
        map.m_units.push_back(unitAt(*bytes, at));
    map.m_texts = bytes->substr(4 + trieBytes);
    if (!isValidUtf8(map.m_texts))
        return damaged();
    return map;
}

bool Precompiled::find(std::string_view key, std::string_view& replacement) const
{
    std::uint32_t node = offsetOf(m_units[0]);
    for (const char c : key) {
        const auto byte = static_cast<unsigned char>(c);
        node ^= byte;
        if (byte == 0 || node >= m_units.size() || labelOf(m_units[node]) != byte)
            return false;
        const std::uint32_t unit = m_units[node];
        node ^= offsetOf(unit);
        if (!hasLeaf(unit))
            continue;
        const std::size_t begin = node < m_units.size() ? m_units[node] & 0x7FFFFFFF : m_texts.size();
        if (begin >= m_texts.size() || (static_cast<unsigned char>(m_texts[begin]) & 0xC0) == 0x80)
            return false; // a lying offset
        replacement = std::string_view(m_texts).substr(begin, m_texts.find('\0', begin) - begin);
        return true;
    }
    return false;
}

Result<std::string> Precompiled::apply(std::string_view text) const
{
    constexpr std::size_t kWholeClusters = 5; // bytes
    const std::size_t limit = kGrowth * text.size() + kGrowthFree;
    std::string out;
    const auto lookUp = [&](std::string_view part) {
        std::string_view replacement;
        if (out.size() > limit || !find(part, replacement))
            return false;
        out += replacement.substr(0, limit);
        return true;
    };
    LS_CHECK(forEachGrapheme(text, [&](std::string_view cluster) {
        if (cluster.size() <= kWholeClusters && lookUp(cluster))
            return;
        for (std::size_t at = 0; at < cluster.size();) {
            const std::string_view character = cluster.substr(at, characterLength(cluster, at));
            if (!lookUp(character))
                out += character;
            at += character.size();
        }
    }));
    if (out.size() > limit)
        return growsTooMuch();
    return out;
}

} // namespace ls
