#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cuda/portable.h"

/// Values of the KV cache, by type.
namespace ls::cuda {

using kernels::CacheType;

template <CacheType kType>
constexpr int kCachedBytes = kType == CacheType::F32 ? 4 : 2;

template <CacheType kType>
LSK_DEVICE float cachedAt(const void* row, std::int64_t c)
{
    if constexpr (kType == CacheType::F32)
        return static_cast<const float*>(row)[c];
    const std::uint16_t bits = static_cast<const std::uint16_t*>(row)[c];
    return kType == CacheType::F16 ? halfBitsToFloat(bits) : bfloatBitsToFloat(bits);
}

/// Eight values from column c on; what is at or past `width` is 0. `wide`: addresses are multiples of 16 and so is the
/// row's length.
template <CacheType kType>
LSK_DEVICE void loadCached8(const void* row, int c, int width, bool wide, float (&out)[8])
{
    if (wide && c + 8 <= width) {
        const auto* words = reinterpret_cast<const Words4*>(static_cast<const std::uint8_t*>(row) +
                                                            std::int64_t(c) * kCachedBytes<kType>);
        const Words4 first = words[0];
        if constexpr (kType == CacheType::F32) {
            const Words4 second = words[1];
            LSK_UNROLL
            for (int i = 0; i < 4; ++i) {
                out[i] = asFloat(first.w[i]);
                out[4 + i] = asFloat(second.w[i]);
            }
        } else {
            LSK_UNROLL
            for (int i = 0; i < 8; ++i) {
                const auto bits = std::uint16_t(first.w[i / 2] >> (i % 2 * 16));
                out[i] = kType == CacheType::F16 ? halfBitsToFloat(bits) : bfloatBitsToFloat(bits);
            }
        }
        return;
    }
    LSK_UNROLL
    for (int i = 0; i < 8; ++i)
        out[i] = c + i < width ? cachedAt<kType>(row, c + i) : 0.0f;
}

LSK_DEVICE void storeCached(CacheType type, void* row, std::int64_t c, float value)
{
    if (type == CacheType::F32)
        static_cast<float*>(row)[c] = value;
    else
        static_cast<std::uint16_t*>(row)[c] =
            type == CacheType::F16 ? floatToHalfBits(value) : floatToBfloatBits(value);
}
LSK_HOST_DEVICE std::int64_t cachedBytes(CacheType type)
{
    return type == CacheType::F32 ? 4 : 2;
}

} // namespace ls::cuda
