#pragma once

#include "kernels/cuda/cache_view.h"
#include "kernels/cuda/launch.h"

/// Attention of one or a few queries over the cache, split over the keys for parallelism: a first launch makes sums of
/// every part of the keys (at most kMaxSplits), a second joins the parts. Scores, maxima and sums are float32, in
/// base 2.
namespace ls::cuda {

/// Which rows a query sees. Without lists: rows [0, entries + query) of which, with a window, only [0, sinks) and the
/// last `window`. With lists: the listSizes[o] rows of list o, whatever the rest says; o = owner[kvHead], or kvHead.
/// Everything is on the device, so that a recorded launch serves every length up to maxKeys.
struct VisibleKeys {
    const std::int32_t* entries = nullptr; ///< rows that query 0 sees, its own included, less `more`
    int sinks = 0, window = 0;             ///< window 0: all
    const std::int32_t* lists = nullptr;   ///< [lists, listStride]; nothing twice, each in [0, entries)
    std::int64_t listStride = 0;
    const std::int32_t* listSizes = nullptr; ///< [lists]
    const std::int32_t* owner = nullptr;     ///< [kvHeads] or null
    std::int64_t maxKeys = 0;                ///< no query sees more; those past it would be ignored
    std::int32_t more = 0;                   ///< for a counter of rows that does not count query 0's yet: 1
};

struct DecodeAttention {
    HeadLayout shape;
    const float* q = nullptr; ///< [queries, heads, width], qStride from query to query
    std::int64_t qStride = 0;
    int queries = 1;
    CacheMemory cache;
    VisibleKeys visible;
    float* partials = nullptr; ///< decodeScratch floats
    float* out = nullptr;      ///< [queries, heads, width]; a query that sees nothing gives 0
    std::int64_t outStride = 0;
    float* logSumExp = nullptr; ///< [queries, heads], natural logarithm, or null
};

/// How keys are split: `count` parts of `keys` rows, a multiple of 128.
struct Splits {
    int count = 1;
    std::int64_t keys = 128;
};
inline constexpr int kMaxSplits = 64;
/// Parts of at least 256 rows, and no more of them than fill the device: 8 blocks a processor.
Splits splitsFor(std::int64_t maxKeys, int kvHeads, int queries);
/// Floats that decodeAttention needs in `partials`.
std::int64_t decodeScratch(const HeadLayout& shape, std::int64_t maxKeys, int queries);

/// BadShape: heads no multiple of kvHeads and other contradictions. TooWide: width > 256.
Launch decodeAttention(const DecodeAttention& job, Stream stream);

} // namespace ls::cuda
