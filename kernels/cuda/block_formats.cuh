#pragma once

#include "kernels/cpu/weight_format.h"
#include "kernels/cuda/staged_input.cuh"

/// What one lane does with a piece ("unit") of a row. Block layouts are those of the GGUF specification, as
/// kernels/cpu/block_decode.cpp reads them.
namespace ls::cuda {

using kernels::WeightFormat;

template <WeightFormat kFormat>
struct UnitOf;

/// sum[t] += scale * (bytes of w times the columns 4 * word.. of group `group`).
template <int T>
LSK_DEVICE void addWord(const std::uint8_t* shared, std::int64_t cols, std::int64_t group, int word, std::uint32_t w,
                        float scale, float (&sum)[T])
{
    LSK_UNROLL
    for (int t = 0; t < T; ++t) {
        const RoundedToken x = roundedToken(shared, t, cols);
        const int dot = 128 * dot4(int(w), x.high[8 * group + word], 0) + dot4(int(w), x.low[8 * group + word], 0);
        sum[t] += scale * x.scale[group] * float(dot);
    }
}
/// The same for two words of a group.
template <int T>
LSK_DEVICE void addPair(const std::uint8_t* shared, std::int64_t cols, std::int64_t group, int word, std::uint32_t w,
                        int secondWord, std::uint32_t second, float scale, float (&sum)[T])
{
    LSK_UNROLL
    for (int t = 0; t < T; ++t) {
        const RoundedToken x = roundedToken(shared, t, cols);
        const int *high = x.high + 8 * group, *low = x.low + 8 * group;
        const int dot = 128 * dot4(int(second), high[secondWord], dot4(int(w), high[word], 0)) +
                        dot4(int(second), low[secondWord], dot4(int(w), low[word], 0));
        sum[t] += scale * x.scale[group] * float(dot);
    }
}
/// sum[t] += minimum * sum of the group's columns.
template <int T>
LSK_DEVICE void addMinimum(const std::uint8_t* shared, std::int64_t cols, std::int64_t group, float minimum,
                           float (&sum)[T])
{
    LSK_UNROLL
    for (int t = 0; t < T; ++t)
        sum[t] += minimum * roundedToken(shared, t, cols).scaledSum[group];
}

/// Every byte (0..127) less `offset`, as int8: no borrow, because the upper bit is set meanwhile.
LSK_DEVICE std::uint32_t bytesMinus(std::uint32_t w, std::uint32_t offset)
{
    return ((w | 0x80808080u) - offset * 0x01010101u) ^ 0x80808080u;
}
/// Bits 0..3 to bit 4 of the four bytes.
LSK_DEVICE std::uint32_t fifthBits(std::uint32_t bits)
{
    return (bits & 1) << 4 | (bits & 2) << 11 | (bits & 4) << 18 | (bits & 8) << 25;
}

/// Formats of 32 values, a unit is a quarter of a block: columns 4 u.. and 16 + 4 u...
template <>
struct UnitOf<WeightFormat::Q8_0> {
    static constexpr int kUnits = 4, kBytes = 34, kAlign = 2;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t group, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        addPair(shared, cols, group, u, load32(block + 2 + 4 * u), u + 4, load32(block + 18 + 4 * u), loadHalf(block),
                sum);
    }
};
template <>
struct UnitOf<WeightFormat::Q4_0> {
    static constexpr int kUnits = 4, kBytes = 18, kAlign = 2;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t group, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const std::uint32_t w = load32(block + 2 + 4 * u);
        addPair(shared, cols, group, u, bytesMinus(w & 0x0F0F0F0Fu, 8), u + 4, bytesMinus((w >> 4) & 0x0F0F0F0Fu, 8),
                loadHalf(block), sum);
    }
};
template <>
struct UnitOf<WeightFormat::Q4_1> {
    static constexpr int kUnits = 4, kBytes = 20, kAlign = 4;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t group, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const std::uint32_t w = *reinterpret_cast<const std::uint32_t*>(block + 4 + 4 * u);
        addPair(shared, cols, group, u, w & 0x0F0F0F0Fu, u + 4, (w >> 4) & 0x0F0F0F0Fu, loadHalf(block), sum);
        if (u == 0)
            addMinimum(shared, cols, group, loadHalf(block + 2), sum);
    }
};
template <>
struct UnitOf<WeightFormat::Q5_0> {
    static constexpr int kUnits = 4, kBytes = 22, kAlign = 2;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t group, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const std::uint32_t bits = load32(block + 2), w = load32(block + 6 + 4 * u);
        const std::uint32_t low = (w & 0x0F0F0F0Fu) | fifthBits(bits >> (4 * u));
        const std::uint32_t high = ((w >> 4) & 0x0F0F0F0Fu) | fifthBits(bits >> (16 + 4 * u));
        addPair(shared, cols, group, u, bytesMinus(low, 16), u + 4, bytesMinus(high, 16), loadHalf(block), sum);
    }
};
template <>
struct UnitOf<WeightFormat::Q5_1> {
    static constexpr int kUnits = 4, kBytes = 24, kAlign = 4;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t group, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const auto* words = reinterpret_cast<const std::uint32_t*>(block);
        const std::uint32_t bits = words[1], w = words[2 + u];
        const std::uint32_t low = (w & 0x0F0F0F0Fu) | fifthBits(bits >> (4 * u));
        const std::uint32_t high = ((w >> 4) & 0x0F0F0F0Fu) | fifthBits(bits >> (16 + 4 * u));
        addPair(shared, cols, group, u, low, u + 4, high, loadHalf(block), sum);
        if (u == 0)
            addMinimum(shared, cols, group, loadHalf(block + 2), sum);
    }
};

/// Scale and minimum of group g of Q4_K and Q5_K: 6 bits each, the upper two of the last four in the first eight bytes.
LSK_DEVICE int scaleOf(const std::uint8_t* packed, int g)
{
    return g < 4 ? packed[g] & 63 : (packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4;
}
LSK_DEVICE int minimumOf(const std::uint8_t* packed, int g)
{
    return g < 4 ? packed[g + 4] & 63 : (packed[g + 4] >> 4) | (packed[g] >> 6) << 4;
}

/// Formats of 256 values in 8 groups. A unit of Q4_K and Q5_K is a word of nibbles: four columns of group 2 j (low) and
/// of group 2 j + 1 (high).
template <bool kFifth>
struct KUnit {
    static constexpr int kUnits = 32, kBytes = kFifth ? 176 : 144, kAlign = 4;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t firstGroup, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const int j = u / 8, word = u % 8;
        const auto* nibbles = reinterpret_cast<const std::uint32_t*>(block + (kFifth ? 48 : 16));
        std::uint32_t low = nibbles[u], high = (low >> 4) & 0x0F0F0F0Fu;
        low &= 0x0F0F0F0Fu;
        if constexpr (kFifth) {
            const std::uint32_t bits = reinterpret_cast<const std::uint32_t*>(block + 16)[word];
            low |= ((bits >> (2 * j)) & 0x01010101u) << 4;
            high |= ((bits >> (2 * j + 1)) & 0x01010101u) << 4;
        }
        const float scale = loadHalf(block), minimum = loadHalf(block + 2);
        for (int half = 0; half < 2; ++half) {
            const int g = 2 * j + half;
            addWord(shared, cols, firstGroup + g, word, half ? high : low, scale * float(scaleOf(block + 4, g)), sum);
            if (word == 0)
                addMinimum(shared, cols, firstGroup + g, -(minimum * float(minimumOf(block + 4, g))), sum);
        }
    }
};
template <>
struct UnitOf<WeightFormat::Q4_K> : KUnit<false> {
};
template <>
struct UnitOf<WeightFormat::Q5_K> : KUnit<true> {
};

/// A unit is four columns of each of the four groups of a half: 128 bytes of nibbles, 64 of upper two bits, 16 signed
/// scales of 16 columns, their scale.
template <>
struct UnitOf<WeightFormat::Q6_K> {
    static constexpr int kUnits = 16, kBytes = 210, kAlign = 2;
    template <int T>
    static LSK_DEVICE void add(const std::uint8_t* block, std::int64_t firstGroup, int u, const std::uint8_t* shared,
                               std::int64_t cols, float (&sum)[T])
    {
        const int half = u / 8, word = u % 8;
        const std::uint32_t nibbles[2] = {load32(block + half * 64 + 4 * word),
                                          load32(block + half * 64 + 32 + 4 * word)};
        const std::uint32_t upper = load32(block + 128 + half * 32 + 4 * word);
        const float scale = loadHalf(block + 208);
        LSK_UNROLL
        for (int g = 0; g < 4; ++g) {
            const std::uint32_t four = (nibbles[g % 2] >> (g / 2 * 4)) & 0x0F0F0F0Fu;
            const std::uint32_t two = (upper >> (2 * g)) & 0x03030303u;
            const int own = std::int8_t(block[192 + half * 8 + 2 * g + word / 4]);
            addWord(shared, cols, firstGroup + 4 * half + g, word, bytesMinus(four | two << 4, 32), scale * float(own),
                    sum);
        }
    }
};

} // namespace ls::cuda
