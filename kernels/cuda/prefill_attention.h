#pragma once

#include "kernels/cuda/cache_view.h"
#include "kernels/cuda/launch.h"

/// Attention of many consecutive queries whose rows are the last of the cache, in tiles of 32 queries: dense, with a
/// window and sinks, or block-sparse: a list of earlier rows for each tile and KV head, and the tile itself, causal.
/// Multiplies with ordinary float32 units; a version for tensor cores would go behind the same function.
namespace ls::cuda {

inline constexpr int kPrefillTile = 32;

/// Query i is row before + i of the cache. Tile t holds the queries from 32 t on.
struct PrefillAttention {
    HeadLayout shape;
    const float* q = nullptr; ///< [queries, heads, width], qStride from query to query
    std::int64_t qStride = 0;
    int queries = 0;
    std::int64_t before = 0; ///< rows of the cache ahead of query 0
    CacheMemory cache;
    /// Without lists: row j is visible to row i iff j <= i and (window = 0 or j < sinks or i - j < window).
    int sinks = 0, window = 0;
    /// With lists [tiles, kvHeads, listStride] and listSizes [tiles, kvHeads], on the device: list owner[h] (or h) of
    /// the tile, rows before the tile's first and nothing twice; a size of -1: all earlier rows. Sinks and window are
    /// not used then.
    const std::int32_t *lists = nullptr, *listSizes = nullptr, *owner = nullptr;
    std::int64_t listStride = 0;
    float* out = nullptr; ///< [queries, heads, width]
    std::int64_t outStride = 0;
};

/// BadShape: contradictions, before + queries past the capacity. TooWide: width > 256.
Launch prefillAttention(const PrefillAttention& job, Stream stream);

} // namespace ls::cuda
