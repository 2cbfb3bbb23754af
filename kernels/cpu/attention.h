#pragma once

#include "kernels/cpu/kernel_table.h"

#include <span>
#include <vector>

/// Attention over one layer's cache on the CPU: grouped heads, online softmax in float32, any cache type.
namespace ls::kernels {

class WorkerPool;

struct HeadShape {
    int heads = 0, kvHeads = 0; ///< query head h reads KV head h / (heads / kvHeads)
    int width = 0;              ///< values of a head
    float scale = 1.0f;         ///< of the scores
    float softCap = 0.0f;       ///< s <- cap * tanh(s / cap) after the scale; 0 = none
};

/// Keys (after rotary) and values of one layer, each [kvHeads, capacity, width] with rows next to each other.
struct CacheView {
    CacheType type = CacheType::F32;
    const void *keys = nullptr, *values = nullptr;
    std::int64_t headStride = 0; ///< values from one KV head to the next: capacity * width
    std::int64_t entries = 0;    ///< rows in use
};

/// Which rows of the cache a query sees; both forms ascending, nothing twice.
struct KeyChoice {
    /// Rows [0, sinks) and [recent, entries); recent = 0 means all.
    std::int64_t sinks = 0, recent = 0;
    /// If not null: the rows lists[h] of KV head h, listSizes[h] many, instead.
    const std::int32_t* const* lists = nullptr;
    const std::int32_t* listSizes = nullptr;
};

/// Bytes of n values in a cache.
int cacheValueBytes(CacheType type);

/// Scratch space and the two passes. One object per lane or one for all: calls run one after the other.
class Attention {
public:
    /// Memory for prompts of `queries` tokens at a time and caches of `entries` rows. Grows only; the only allocation.
    void reserve(const WorkerPool& pool, const HeadShape& shape, std::int64_t entries, int queries);

    /// One query, q: [heads, width] -> out: [heads, width]. The keys are split into parts of 128 to 512, which depends
    /// on how many there are and not on the number of threads, so the result does not depend on it. A query that sees
    /// nothing gives 0. logSumExp: [heads] natural logarithm of the sum of exp(score), or null.
    void decode(WorkerPool& pool, const HeadShape& shape, const float* q, const CacheView& cache,
                const KeyChoice& choice, float* out, float* logSumExp = nullptr);

    /// `queries` consecutive queries whose own rows are the last of the cache: query i sees rows
    /// [0, entries - queries + i], of these only [0, sinks) and [recent[i], ...) where recent is not null.
    /// q, out: [queries, heads, width] with the given distance between queries.
    void prefill(WorkerPool& pool, const HeadShape& shape, const float* q, std::int64_t qStride, int queries,
                 const CacheView& cache, std::int64_t sinks, const std::int32_t* recent, float* out,
                 std::int64_t outStride);

private:
    std::vector<float> m_partials; // decode: [parts, heads, width + 2]
    std::vector<float> m_scratch;  // prefill: a piece per thread
    std::int64_t m_scratchPerThread = 0;
};

/// One part of the keys for the heads of one KV head. Result per head: sums [width] relative to exp(maximum), then
/// maximum and total.
struct DecodeAttentionJob {
    const float* q = nullptr; ///< [heads, width]
    int heads = 0, width = 0;
    float scale = 1.0f, softCap = 0.0f;
    CacheType type = CacheType::F32;
    const void *keys = nullptr, *values = nullptr; ///< of the KV head
    const std::int32_t* rows = nullptr;            ///< which rows; null: firstRow, firstRow + 1, ...
    std::int64_t firstRow = 0;
    int count = 0;           ///< of keys, at least 1
    int ahead = 0;           ///< keys behind these that are likely to be read next
    float* result = nullptr; ///< [heads, width + 2]
};

/// One head of all parts: sums relative to the common maximum, divided by their total; 0 if no part saw a key.
struct JoinPartsJob {
    const float* partials = nullptr; ///< part p: partials + p * stride, as DecodeAttentionJob leaves them
    std::int64_t parts = 0, stride = 0;
    int width = 0;
    float* out = nullptr; ///< [width]
    float state[2] = {};  ///< result: maximum and total
};

/// Some consecutive queries times the heads of one KV head.
struct PrefillAttentionJob {
    const float* q = nullptr; ///< first query, first head of the group
    std::int64_t qStride = 0;
    int queries = 0, heads = 0, width = 0;
    float scale = 1.0f, softCap = 0.0f;
    CacheType type = CacheType::F32;
    const void *keys = nullptr, *values = nullptr;
    std::int64_t visible = 0; ///< rows that query 0 may see; query i: visible + i
    std::int64_t sinks = 0;
    const std::int32_t* recent = nullptr; ///< of query 0 on
    float* out = nullptr;
    std::int64_t outStride = 0;
    float* scratch = nullptr; ///< prefillScratch(queries * heads, width)
};
constexpr int kPrefillKeys = 128;   // a block of keys
constexpr int kPrefillQueries = 64; // of a job
std::int64_t prefillScratch(int rows, int width);

} // namespace ls::kernels
