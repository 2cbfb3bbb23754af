#pragma once

#include "kernels/cpu/weight_format.h"
#include "kernels/cuda/block_formats.cuh"

/// Single values of block formats: the same multiplications in the same order as kernels/cpu/block_decode.cpp.
namespace ls::cuda {

LSK_DEVICE float blockValue(WeightFormat format, const std::uint8_t* block, int i)
{
    const auto nibble = [&](const std::uint8_t* at) { return i < 16 ? at[i] & 15 : at[i - 16] >> 4; };
    const auto fifth = [&](const std::uint8_t* at) { return ((at[i / 8] >> (i % 8)) & 1) << 4; };
    switch (format) {
    case WeightFormat::F32:
        return *reinterpret_cast<const float*>(block);
    case WeightFormat::F16:
        return loadHalf(block);
    case WeightFormat::BF16:
        return bfloatBitsToFloat(*reinterpret_cast<const std::uint16_t*>(block));
    case WeightFormat::Q8_0:
        return float(std::int8_t(block[2 + i])) * loadHalf(block);
    case WeightFormat::Q4_0:
        return float(nibble(block + 2) - 8) * loadHalf(block);
    case WeightFormat::Q4_1:
        return roundedProduct(float(nibble(block + 4)), loadHalf(block)) + loadHalf(block + 2);
    case WeightFormat::Q5_0:
        return float((nibble(block + 6) | fifth(block + 2)) - 16) * loadHalf(block);
    case WeightFormat::Q5_1:
        return roundedProduct(float(nibble(block + 8) | fifth(block + 4)), loadHalf(block)) + loadHalf(block + 2);
    case WeightFormat::Q4_K:
    case WeightFormat::Q5_K: {
        const bool five = format == WeightFormat::Q5_K;
        const int g = i / 32, c = i % 32;
        const int low = (block[(five ? 48 : 16) + g / 2 * 32 + c] >> (g % 2 * 4)) & 15;
        const int high = five ? ((block[16 + c] >> g) & 1) << 4 : 0;
        const float scale = loadHalf(block) * float(scaleOf(block + 4, g));
        const float minimum = roundedProduct(loadHalf(block + 2), float(minimumOf(block + 4, g)));
        return roundedProduct(scale, float(low | high)) - minimum;
    }
    case WeightFormat::Q6_K: {
        const int four = (block[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4)) & 15;
        const int two = (block[128 + i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2)) & 3;
        return (loadHalf(block + 208) * float(std::int8_t(block[192 + i / 16]))) * float((four | two << 4) - 32);
    }
    }
    return 0;
}

} // namespace ls::cuda
