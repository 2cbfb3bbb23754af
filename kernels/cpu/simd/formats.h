#pragma once

#include "kernels/cpu/panel_layout.h"

/// Reading packed panels (panel_layout.h): a group of 32 columns of 16 rows becomes eight vectors of unsigned bytes
/// and their scale. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

template <int kAheadBytes>
LS_INLINE void prefetchBody(const std::uint8_t* body, int bytes)
{
    for (int i = 0; i < bytes; i += 64)
        prefetch(body + kAheadBytes + i);
}
// Measured best on an AMD EPYC: about a panel ahead for blocks, half of it for the longer panels of floats.
constexpr int kAhead = 4096, kFloatAhead = 2048;

LS_INLINE Ints lowNibbles(Ints a)
{
    return a & broadcast(std::int32_t(0x0F0F0F0F));
}
LS_INLINE Ints highNibbles(Ints a)
{
    return lowNibbles(shiftRight<4>(a));
}

/// Bit `kFrom` and up of every byte, as many as in `kMask`, moved to where kMask has them.
template <int kShiftRight, int kMask>
LS_INLINE Ints bitsTo(Ints a)
{
    const Ints mask = broadcast(std::int32_t(0x01010101u * unsigned(kMask)));
    if constexpr (kShiftRight > 0)
        return shiftRight<kShiftRight>(a) & mask;
    else if constexpr (kShiftRight < 0)
        return shiftLeft<-kShiftRight>(a) & mask;
    else
        return a & mask;
}

LS_INLINE void loadNibbles(const std::uint8_t* body, Ints (&w)[8])
{
    for (int j = 0; j < 4; ++j) {
        const Ints both = loadInts(body + 64 * j);
        w[j] = lowNibbles(both);
        w[j + 4] = highNibbles(both);
    }
}

/// Bit j of every byte of `fifth` becomes bit 4 of w[j].
LS_INLINE void addFifthBits(Ints fifth, Ints (&w)[8])
{
    w[0] = w[0] | bitsTo<-4, 16>(fifth);
    w[1] = w[1] | bitsTo<-3, 16>(fifth);
    w[2] = w[2] | bitsTo<-2, 16>(fifth);
    w[3] = w[3] | bitsTo<-1, 16>(fifth);
    w[4] = w[4] | bitsTo<0, 16>(fifth);
    w[5] = w[5] | bitsTo<1, 16>(fifth);
    w[6] = w[6] | bitsTo<2, 16>(fifth);
    w[7] = w[7] | bitsTo<3, 16>(fifth);
}

LS_INLINE Floats halves(const std::uint8_t* p)
{
    return loadHalves(reinterpret_cast<const std::uint16_t*>(p));
}

/// One group of 32 columns. value = scale * (w - 2^kOffsetBits) + minimum, with kOffsetBits < 0: no offset; kSplit: the
/// second half of the group has a scale of its own.
struct Group {
    Ints w[8];
    Floats scale, second, minimum;
};

struct Panel {
    const std::uint8_t *header, *body;
};
template <WeightFormat kFormat>
LS_INLINE Panel panelOf(const std::uint8_t* data, std::int64_t cols)
{
    constexpr PanelLayout layout = kPanelLayouts[int(kFormat)];
    const std::int64_t headers = cols / layout.blockValues * layout.headerBytes;
    return {data, data + (headers + 63) / 64 * 64};
}

template <WeightFormat>
struct Format;

template <>
struct Format<WeightFormat::Q8_0> {
    static constexpr int kOffsetBits = 7, kGroups = 1;
    static constexpr bool kWide = true, kMinimum = false, kSplit = false;
    template <int>
    static LS_INLINE void load(const Panel& p, std::int64_t block, Group& g)
    {
        const std::uint8_t* body = p.body + block * 512;
        for (int j = 0; j < 8; ++j)
            g.w[j] = loadInts(body + 64 * j);
        g.scale = halves(p.header + block * 32);
    }
};

template <bool kHasMinimum, bool kFifth>
struct LegacyFormat {
    static constexpr int kOffsetBits = kHasMinimum ? -1 : kFifth ? 4 : 3, kGroups = 1;
    static constexpr bool kWide = false, kMinimum = kHasMinimum, kSplit = false;
    template <int>
    static LS_INLINE void load(const Panel& p, std::int64_t block, Group& g)
    {
        const std::uint8_t* body = p.body + block * (kFifth ? 320 : 256);
        loadNibbles(body + (kFifth ? 64 : 0), g.w);
        if constexpr (kFifth)
            addFifthBits(loadInts(body), g.w);
        g.scale = halves(p.header + block * (kHasMinimum ? 64 : 32));
        if constexpr (kHasMinimum)
            g.minimum = halves(p.header + block * 64 + 32);
    }
};
template <>
struct Format<WeightFormat::Q4_0> : LegacyFormat<false, false> {
};
template <>
struct Format<WeightFormat::Q4_1> : LegacyFormat<true, false> {
};
template <>
struct Format<WeightFormat::Q5_0> : LegacyFormat<false, true> {
};
template <>
struct Format<WeightFormat::Q5_1> : LegacyFormat<true, true> {
};

template <bool kFifth>
struct KFormat {
    static constexpr int kOffsetBits = -1, kGroups = 8;
    static constexpr bool kWide = false, kMinimum = true, kSplit = false;
    template <int kGroup>
    static LS_INLINE void load(const Panel& p, std::int64_t block, Group& g)
    {
        const std::uint8_t* body = p.body + block * (kFifth ? 2816 : 2304);
        const std::uint8_t* nibbles = body + (kFifth ? 768 : 256) + kGroup / 2 * 512;
        for (int j = 0; j < 8; ++j) {
            const Ints both = loadInts(nibbles + 64 * j);
            g.w[j] = kGroup % 2 ? highNibbles(both) : lowNibbles(both);
        }
        if constexpr (kFifth)
            addFifthBits(loadInts(body + 256 + 64 * kGroup), g.w);
        g.scale = halves(p.header + block * 64) * toFloats(loadU8(body + 16 * kGroup));
        g.minimum = halves(p.header + block * 64 + 32) * (broadcast(0.0f) - toFloats(loadU8(body + 128 + 16 * kGroup)));
    }
};
template <>
struct Format<WeightFormat::Q4_K> : KFormat<false> {
};
template <>
struct Format<WeightFormat::Q5_K> : KFormat<true> {
};

template <>
struct Format<WeightFormat::Q6_K> {
    static constexpr int kOffsetBits = 5, kGroups = 8;
    static constexpr bool kWide = false, kMinimum = false, kSplit = true;
    template <int kGroup>
    static LS_INLINE void load(const Panel& p, std::int64_t block, Group& g)
    {
        constexpr int kHalf = kGroup / 4, kQuarter = kGroup % 4; // 128 and 32 columns
        const std::uint8_t* body = p.body + block * 3328;
        const std::uint8_t* nibbles = body + 256 + kHalf * 1024 + kQuarter % 2 * 512;
        const std::uint8_t* upper = body + 256 + 2048 + kHalf * 512;
        for (int j = 0; j < 8; ++j) {
            const Ints both = loadInts(nibbles + 64 * j);
            const Ints low = kQuarter < 2 ? lowNibbles(both) : highNibbles(both);
            g.w[j] = low | bitsTo<2 * kQuarter - 4, 0x30>(loadInts(upper + 64 * j));
        }
        const Floats scale = halves(p.header + block * 32);
        g.scale = scale * toFloats(loadS8(body + 32 * kGroup));
        g.second = scale * toFloats(loadS8(body + 32 * kGroup + 16));
    }
};

} // namespace
} // namespace ls::kernels
