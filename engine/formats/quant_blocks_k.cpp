#include "engine/formats/half.h"
#include "engine/formats/quant_blocks.h"

namespace ls {

namespace {

struct ScaleMinimum {
    int scale, minimum;
};

/// Q4_K, Q5_K: eight scales and eight minima of 6 bits in 12 bytes. The upper two bits of the last four of each sit on
/// top of the first four.
ScaleMinimum scaleMinimum(const std::uint8_t* packed, int group)
{
    if (group < 4)
        return {packed[group] & 63, packed[group + 4] & 63};
    return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4, (packed[group + 4] >> 4) | (packed[group] >> 6)
                                                                                                     << 4};
}

} // namespace

/// 16 bytes scale and minimum of 16 groups (nibbles), 64 bytes 2-bit values, scale and minimum of these (halves).
void decodeQ2_K(const std::uint8_t* block, float* out)
{
    const std::uint8_t *groups = block, *values = block + 16;
    const float scale = halfAt(block + 80), minimum = halfAt(block + 82);
    for (int i = 0; i < 256; ++i) {
        const int group = i / 16, shift = 2 * (i / 32 % 4);
        const int value = (values[i / 128 * 32 + i % 32] >> shift) & 3;
        out[i] = (scale * float(groups[group] & 15)) * float(value) - minimum * float(groups[group] >> 4);
    }
}

/// 32 bytes third bits (inverted), 64 bytes 2-bit values, 16 scales of 6 bits in 12 bytes, their scale (half).
void decodeQ3_K(const std::uint8_t* block, float* out)
{
    const std::uint8_t *high = block, *values = block + 32, *packed = block + 96;
    const float scale = halfAt(block + 108);
    for (int i = 0; i < 256; ++i) {
        const int group = i / 16;
        const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
        const int upper = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
        const int value = (values[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
        const int borrow = (high[i % 32] >> (i / 32)) & 1 ? 0 : 4;
        out[i] = (scale * float((low | upper << 4) - 32)) * float(value - borrow);
    }
}

/// Scale, minimum (halves), 12 bytes of group scales, 128 bytes of nibbles: 32 low ones, then 32 high ones.
void decodeQ4_K(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    for (int group = 0; group < 8; ++group) {
        const auto [s, m] = scaleMinimum(block + 4, group);
        const float groupScale = scale * float(s), groupMinimum = minimum * float(m);
        const std::uint8_t* values = block + 16 + group / 2 * 32;
        for (int i = 0; i < 32; ++i)
            out[group * 32 + i] = groupScale * float((values[i] >> (group % 2 * 4)) & 15) - groupMinimum;
    }
}

/// As Q4_K, with 32 bytes of fifth bits before the nibbles.
void decodeQ5_K(const std::uint8_t* block, float* out)
{
    const float scale = halfAt(block), minimum = halfAt(block + 2);
    const std::uint8_t* high = block + 16;
    for (int group = 0; group < 8; ++group) {
        const auto [s, m] = scaleMinimum(block + 4, group);
        const float groupScale = scale * float(s), groupMinimum = minimum * float(m);
        const std::uint8_t* values = block + 48 + group / 2 * 32;
        for (int i = 0; i < 32; ++i) {
            const int value = ((values[i] >> (group % 2 * 4)) & 15) | ((high[i] >> group) & 1) << 4;
            out[group * 32 + i] = groupScale * float(value) - groupMinimum;
        }
    }
}

/// 128 bytes of nibbles (64 low, then 64 high), 64 bytes of upper two bits, 16 signed scales, their scale (half).
void decodeQ6_K(const std::uint8_t* block, float* out)
{
    const std::uint8_t *low = block, *high = block + 128, *scales = block + 192;
    const float scale = halfAt(block + 208);
    for (int i = 0; i < 256; ++i) {
        const int nibble = (low[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4)) & 15;
        const int upper = (high[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
        out[i] = (scale * float(std::int8_t(scales[i / 16]))) * float((nibble | upper << 4) - 32);
    }
}

} // namespace ls
