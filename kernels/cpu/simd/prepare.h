#pragma once

#include "kernels/cpu/simd/elementwise.h"

/// Activations into tiles (kernel_table.h). Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

struct Columns { // 32 of a token
    Floats first, second;
};

LS_INLINE float floatOf(std::int32_t bits)
{
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

LS_INLINE void putBytes(Ints first, Ints second, std::int32_t* out, int width)
{
    std::int8_t bytes[32];
    storeS8(bytes, first);
    storeS8(bytes + 16, second);
    std::int32_t words[8];
    __builtin_memcpy(words, bytes, sizeof words);
    for (int j = 0; j < 8; ++j)
        out[j * width] = words[j];
}

/// 32 columns of token t in 15 bits, as two int8: scale = largest magnitude / 16256. Eight bits are not enough: they
/// change one of twenty-five greedy tokens of SmolLM2-135M. A NaN or an infinity makes the scale one, so it reaches
/// every sum; the magnitudes are compared as integers because NaN is the largest there.
LS_INLINE void quantise(const Columns& x, std::int64_t block, int t, const ActivationTile& tile)
{
    const int width = tile.width;
    const Ints magnitude = broadcast(std::int32_t(0x7FFFFFFF)), half = broadcast(std::int32_t(64));
    const float peak = floatOf(largest(larger(asInts(x.first) & magnitude, asInts(x.second) & magnitude)));
    const float scale = peak < 1e-30f ? 0.0f : peak / 16256.0f;
    const Floats inverse = broadcast(peak < 1e-30f ? 0.0f : 16256.0f / peak);
    const Ints first = toInts(x.first * inverse), second = toInts(x.second * inverse);
    const Ints firstHigh = shiftRightSigned<7>(first + half), secondHigh = shiftRightSigned<7>(second + half);
    std::int32_t* q = tile.q + block * 16 * width + t;
    putBytes(firstHigh, secondHigh, q, width);
    putBytes(first - shiftLeft<7>(firstHigh), second - shiftLeft<7>(secondHigh), q + 8 * width, width);
    const std::int32_t firstSum = sum(first), secondSum = sum(second);
    const std::int32_t all = std::int32_t(std::uint32_t(firstSum) + std::uint32_t(secondSum));
    std::int32_t* minus = tile.minusSum + block * 3 * width + t;
    minus[0] = std::int32_t(0u - std::uint32_t(all));
    minus[width] = std::int32_t(0u - std::uint32_t(firstSum));
    minus[2 * width] = std::int32_t(0u - std::uint32_t(secondSum));
    tile.scale[block * width + t] = scale;
    tile.scaledSum[block * width + t] = scale * float(all);
}

LS_INLINE void putFloats(const Columns& x, std::int64_t column, int count, int t, const ActivationTile& tile)
{
    float values[32];
    store(values, x.first);
    store(values + 16, x.second);
    float* out = tile.floats + column * tile.width + t;
    for (int c = 0; c < count; ++c)
        out[c * tile.width] = values[c];
}

LS_INLINE void putBfloats(const Columns& x, std::int64_t column, int count, int t, const ActivationTile& tile)
{
    std::uint16_t values[32];
    storeU16(values, toBfloats(x.first));
    storeU16(values + 16, toBfloats(x.second));
    std::uint32_t pairs[16];
    __builtin_memcpy(pairs, values, sizeof pairs);
    std::uint32_t* out = tile.bfloats + column / 2 * tile.width + t;
    for (int c = 0; c < count / 2; ++c)
        out[c * tile.width] = pairs[c];
}

void prepareTile(const float* x, std::int64_t stride, int tokens, std::int64_t cols, unsigned kinds,
                 const ActivationTile& tile)
{
    for (std::int64_t c = 0; c < cols; c += 32) {
        const std::int64_t left = cols - c;
        const int count = left < 32 ? int(left + left % 2) : 32; // padded to pairs
        for (int t = 0; t < tile.width; ++t) {
            const float* row = x + t * stride + c;
            Columns columns{broadcast(0.0f), broadcast(0.0f)};
            if (t < tokens) {
                columns.first = loadFirst(row, left);
                if (left > 16)
                    columns.second = loadFirst(row + 16, left - 16);
            }
            if (kinds & kInt8)
                quantise(columns, c / 32, t, tile);
            if (kinds & kFloats)
                putFloats(columns, c, count, t, tile);
            if (kinds & kBfloats)
                putBfloats(columns, c, count, t, tile);
        }
    }
}

} // namespace
} // namespace ls::kernels
