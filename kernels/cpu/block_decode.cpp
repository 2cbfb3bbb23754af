#include "kernels/cpu/weight_format.h"

#include <cstring>

namespace ls::kernels {

namespace {

std::uint16_t u16At(const std::uint8_t* bytes)
{
    return std::uint16_t(bytes[0] | bytes[1] << 8);
}

float halfAt(const std::uint8_t* bytes)
{
    return halfToFloat(u16At(bytes));
}

/// Value i of the nibbles of a block of 32: low ones first, then high ones.
int nibble(const std::uint8_t* nibbles, int i)
{
    return i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
}
int bit(const std::uint8_t* bits, int i)
{
    return (bits[i / 8] >> (i % 8)) & 1;
}

void decodeQ8_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 32; ++i)
        out[i] = float(std::int8_t(block[2 + i])) * scale;
}

void decodeQ4_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 32; ++i)
        out[i] = float(nibble(block + 2, i) - 8) * scale;
}

void decodeQ4_1(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    for (int i = 0; i < 32; ++i)
        out[i] = float(nibble(block + 4, i)) * scale + minimum;
}

void decodeQ5_0(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block);
    for (int i = 0; i < 32; ++i)
        out[i] = float((nibble(block + 6, i) | bit(block + 2, i) << 4) - 16) * scale;
}

void decodeQ5_1(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    for (int i = 0; i < 32; ++i)
        out[i] = float(nibble(block + 8, i) | bit(block + 4, i) << 4) * scale + minimum;
}

/// Q4_K, Q5_K: eight scales and eight minima of 6 bits in 12 bytes; the upper two bits of the last four of each are
/// in the first eight bytes.
int scaleOf(const std::uint8_t* packed, int group)
{
    return group < 4 ? packed[group] & 63 : (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4;
}
int minimumOf(const std::uint8_t* packed, int group)
{
    return group < 4 ? packed[group + 4] & 63 : (packed[group + 4] >> 4) | (packed[group] >> 6) << 4;
}

/// Q4_K without `fifthBits`, Q5_K with them: byte i holds bit 4 of value i of every group.
void decodeK(const std::uint8_t* block, const std::uint8_t* fifthBits, const std::uint8_t* nibbles, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    for (int group = 0; group < 8; ++group) {
        const float groupScale = scale * float(scaleOf(block + 4, group));
        const float groupMinimum = minimum * float(minimumOf(block + 4, group));
        for (int i = 0; i < 32; ++i) {
            const int low = (nibbles[group / 2 * 32 + i] >> (group % 2 * 4)) & 15;
            const int high = fifthBits ? (fifthBits[i] >> group) & 1 : 0;
            out[group * 32 + i] = groupScale * float(low | high << 4) - groupMinimum;
        }
    }
}

void decodeQ4_K(const std::uint8_t* block, float* out)
{
    decodeK(block, nullptr, block + 16, out);
}
void decodeQ5_K(const std::uint8_t* block, float* out)
{
    decodeK(block, block + 16, block + 48, out);
}

/// 128 bytes of nibbles, 64 bytes of upper two bits, 16 signed scales, their scale.
void decodeQ6_K(const std::uint8_t* block, float* out)
{
    const std::uint8_t *low = block, *high = block + 128, *scales = block + 192;
    const float scale = halfAt(block + 208);
    for (int i = 0; i < 256; ++i) {
        const int four = (low[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4)) & 15;
        const int two = (high[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2)) & 3;
        out[i] = (scale * float(std::int8_t(scales[i / 16]))) * float((four | two << 4) - 32);
    }
}

using Decode = void (*)(const std::uint8_t*, float*);
constexpr Decode kDecode[kWeightFormats] = {[](const std::uint8_t* in, float* out) { std::memcpy(out, in, 4); },
                                            [](const std::uint8_t* in, float* out) { *out = halfAt(in); },
                                            [](const std::uint8_t* in, float* out) { *out = bfloatToFloat(u16At(in)); },
                                            decodeQ8_0,
                                            decodeQ4_0,
                                            decodeQ4_1,
                                            decodeQ5_0,
                                            decodeQ5_1,
                                            decodeQ4_K,
                                            decodeQ5_K,
                                            decodeQ6_K};

} // namespace

void decodeBlocks(WeightFormat format, const std::uint8_t* blocks, std::int64_t count, float* out)
{
    const Decode decode = kDecode[int(format)];
    const int values = blockValues(format), bytes = blockBytes(format);
    for (std::int64_t b = 0; b < count; ++b)
        decode(blocks + b * bytes, out + b * values);
}

bool blocksFinite(WeightFormat format, const std::uint8_t* blocks, std::int64_t count)
{
    const int bytes = blockBytes(format);
    // a 16-bit float at `place` of each block has an exponent of ones; no early exit: the loop then runs on vectors
    const auto anyBad = [&](int place, unsigned exponent) {
        unsigned bad = 0;
        for (std::int64_t b = 0; b < count; ++b)
            bad |= unsigned((u16At(blocks + b * bytes + place) & exponent) == exponent);
        return bad != 0;
    };
    constexpr unsigned kHalf = 0x7C00, kSingle = 0x7F80; // bfloat16 is the upper half of a single
    switch (format) {
    case WeightFormat::F32:
        return !anyBad(2, kSingle);
    case WeightFormat::BF16:
        return !anyBad(0, kSingle);
    case WeightFormat::F16:
    case WeightFormat::Q8_0:
    case WeightFormat::Q4_0:
    case WeightFormat::Q5_0:
        return !anyBad(0, kHalf);
    case WeightFormat::Q6_K:
        return !anyBad(208, kHalf);
    case WeightFormat::Q4_1:
    case WeightFormat::Q5_1:
    case WeightFormat::Q4_K:
    case WeightFormat::Q5_K:
        return !anyBad(0, kHalf) && !anyBad(2, kHalf);
    }
    return false;
}

} // namespace ls::kernels
