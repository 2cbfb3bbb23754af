#pragma once

#include "kernels/cuda/cache_view.h"
#include "kernels/cuda/launch.h"

namespace ls::cuda {

/// New tokens between their product and attention, in one launch: optional norm of every query and key head, rotary
/// embedding of pairs (j, j + turned / 2), keys and values into the cache. A warp for each head of each token, four in
/// a block.
struct RotaryStore {
    float *q = nullptr, *k = nullptr;                   ///< [tokens, heads or kvHeads, width], changed in place
    const float* v = nullptr;                           ///< [tokens, kvHeads, width]
    std::int64_t qStride = 0, kStride = 0, vStride = 0; ///< values from token to token
    int tokens = 0, heads = 0, kvHeads = 0, width = 0;
    int turned = 0;                                   ///< values of a head that turn: even, at most width; 0 = none
    const float *cosines = nullptr, *sines = nullptr; ///< [positions, turned / 2]
    const std::int32_t* position = nullptr;           ///< on the device: row of these tables for token 0
    const float *qNorm = nullptr, *kNorm = nullptr;   ///< [width] or null: x / sqrt(mean(x^2) + epsilon) * weight
    float epsilon = 1e-6f;
    CacheMemory cache;
    const std::int32_t* firstRow = nullptr; ///< on the device: row of the cache for token 0; rows past the end are lost
};

/// BadShape: sizes that contradict each other. TooWide: width > 256.
Launch rotateAndStore(const RotaryStore& job, Stream stream);

} // namespace ls::cuda
