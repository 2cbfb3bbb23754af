#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

/// The two 16-bit floats, as bits.
namespace ls {

inline float halfToFloat(std::uint16_t bits)
{
    const std::uint32_t sign = std::uint32_t(bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 31u, fraction = bits & 1023u;
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) // zero and subnormals: fraction * 2^-24
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(float(fraction) * 0x1p-24f));
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

inline float bfloatToFloat(std::uint16_t bits)
{
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

inline float halfAt(const std::uint8_t* bytes)
{
    std::uint16_t bits;
    std::memcpy(&bits, bytes, 2);
    return halfToFloat(bits);
}

inline float bfloatAt(const std::uint8_t* bytes)
{
    std::uint16_t bits;
    std::memcpy(&bits, bytes, 2);
    return bfloatToFloat(bits);
}

} // namespace ls
