#pragma once

#include "kernels/cpu/attention.h"

namespace ls::kernels {

/// Rotary embedding of new tokens: pairs (j, j + width / 2) of every head, as Hugging Face's models have them.
struct Rotary {
    const float *cosines = nullptr, *sines = nullptr; ///< [tokens, width / 2], of the tokens' positions
    int width = 0;                                    ///< values of a head that turn; 0 = none
};

/// One layer's cache and the row where the first new token goes; the layout is CacheView's.
struct CacheTarget {
    CacheType type = CacheType::F32;
    void *keys = nullptr, *values = nullptr;
    std::int64_t headStride = 0;
    std::int64_t firstRow = 0;
};

/// Turns q [tokens, heads, width] and k [tokens, kvHeads, width] in place and writes k and v to the cache. Strides are
/// from one token to the next.
void rotateAndStore(WorkerPool& pool, const HeadShape& shape, const Rotary& rotary, int tokens, float* q,
                    std::int64_t qStride, float* k, std::int64_t kStride, const float* v, std::int64_t vStride,
                    const CacheTarget& target);

} // namespace ls::kernels
