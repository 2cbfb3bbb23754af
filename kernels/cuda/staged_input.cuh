#pragma once

#include "kernels/cuda/portable.h"

/// The input of products in shared memory (matvec.h).
namespace ls::cuda {

/// A token rounded to 15 bits: words of four columns, and of each block of 32 columns scale and scale * sum of q.
struct RoundedToken {
    const int *high, *low;
    const float *scale, *scaledSum;
};

/// Where the parts of token t are; `cols` is a multiple of 32.
LSK_DEVICE RoundedToken roundedToken(const std::uint8_t* shared, int t, std::int64_t cols)
{
    const std::uint8_t* at = shared + t * (cols * 2 + cols / 4);
    return {reinterpret_cast<const int*>(at), reinterpret_cast<const int*>(at + cols),
            reinterpret_cast<const float*>(at + 2 * cols), reinterpret_cast<const float*>(at + 2 * cols) + cols / 32};
}

/// 1 / sqrt(mean(x^2) + epsilon), the same for all threads. `scratch`: 32 floats.
LSK_DEVICE float normScale(const float* x, std::int64_t cols, float epsilon, float* scratch)
{
    float sum = 0;
    for (std::int64_t c = threadId(); c < cols; c += threadCount())
        sum += x[c] * x[c];
    return 1.0f / sqrtf(blockSum(sum, scratch) / float(cols) + epsilon);
}

/// A warp rounds 32 columns of one token. The magnitudes are compared as integers: NaN is the largest there, so that it
/// makes the scale NaN and reaches every sum.
LSK_DEVICE void roundBlock(float value, std::int64_t block, std::int64_t cols, std::uint8_t* token)
{
    const float peak = asFloat(warpMax(asBits(value) & 0x7FFFFFFFu));
    const bool nothing = peak < 1e-30f;
    const int q = roundToInt(value * (nothing ? 0.0f : 16256.0f / peak));
    const int high = (q + 64) >> 7;
    const std::int64_t c = block * 32 + laneId();
    reinterpret_cast<std::int8_t*>(token)[c] = std::int8_t(high);
    reinterpret_cast<std::int8_t*>(token)[cols + c] = std::int8_t(q - 128 * high);
    const int sum = warpSum(q);
    if (laneId() == 0) {
        float* scale = reinterpret_cast<float*>(token + 2 * cols);
        scale[block] = nothing ? 0.0f : peak / 16256.0f;
        scale[cols / 32 + block] = scale[block] * float(sum);
    }
}

} // namespace ls::cuda
