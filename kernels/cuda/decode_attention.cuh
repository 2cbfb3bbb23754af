#pragma once

#include "kernels/cuda/cached_values.cuh"
#include "kernels/cuda/decode_attention.h"

#include <cmath>

/// Kernels behind decode_attention.h. Grid (parts, KV heads x groups of kHeads query heads, queries), 128 threads.
namespace ls::cuda {

constexpr int kDecodeThreads = 128, kDecodeTile = 128; // keys between two barriers
constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;

struct DecodeAttentionArgs {
    DecodeAttention job;
    Splits splits;
    int headGroups = 1; ///< of kHeads query heads for each KV head
    bool wide = false;  ///< rows of the cache can be loaded 16 bytes at a time
};

/// The rows that a query sees, numbered from 0 on.
struct KeyRows {
    const std::int32_t* list;
    std::int64_t count, sinks, recent;
    LSK_DEVICE std::int64_t at(std::int64_t i) const { return list ? list[i] : i < sinks ? i : recent + (i - sinks); }
};

LSK_DEVICE KeyRows keyRows(const VisibleKeys& visible, int kvHead, int query)
{
    KeyRows rows{nullptr, 0, 0, 0};
    if (visible.lists) {
        const int owner = visible.owner ? visible.owner[kvHead] : kvHead;
        rows.list = visible.lists + owner * visible.listStride;
        rows.count = visible.listSizes[owner];
    } else {
        const std::int64_t entries = *visible.entries + visible.more + query;
        if (visible.window > 0 && entries > visible.window) {
            rows.recent = entries - visible.window;
            rows.sinks = visible.sinks < rows.recent ? visible.sinks : rows.recent;
        }
        rows.count = rows.sinks + entries - rows.recent;
    }
    LSK_ASSERT(rows.count <= visible.maxKeys);
    return rows;
}

LSK_DEVICE float scoreOf(float product, const HeadLayout& shape)
{
    const float score = product * shape.scale;
    return kLog2E * (shape.softCap > 0 ? shape.softCap * tanhf(score / shape.softCap) : score);
}

/// Shared memory of a block, all float.
template <int kHeads>
struct DecodeShared {
    float *q, *scores, *factor, *maximum, *total, *sums;
    LSK_HOST_DEVICE static std::size_t bytes(int width)
    {
        return sizeof(float) * std::size_t(kHeads) * std::size_t(2 * padded(width) + kDecodeTile + 3 + 3 * width);
    }
    LSK_HOST_DEVICE static int padded(int width) { return (width + 7) / 8 * 8; }
    LSK_DEVICE DecodeShared(std::uint8_t* memory, int width)
        : q(reinterpret_cast<float*>(memory))
        , scores(q + kHeads * padded(width))
        , factor(scores + kHeads * kDecodeTile)
        , maximum(factor + kHeads)
        , total(maximum + kHeads)
        , sums(total + kHeads)
    {
    }
};

/// Scores of up to 128 keys: eight lanes share a key, each takes eight columns of every 64.
template <CacheType kType, int kHeads>
LSK_DEVICE void scoreTile(const DecodeAttentionArgs& args, const DecodeShared<kHeads>& shared, const KeyRows& rows,
                          const std::uint8_t* keys, std::int64_t first, int count)
{
    const HeadLayout& shape = args.job.shape;
    const int part = int(threadId() % 8), padded = DecodeShared<kHeads>::padded(shape.width);
    for (int key = int(threadId() / 8); key < kDecodeTile; key += kDecodeThreads / 8) {
        float products[kHeads];
        LSK_UNROLL
        for (int h = 0; h < kHeads; ++h)
            products[h] = 0;
        if (key < count) {
            const std::int64_t row = rows.at(first + key);
            LSK_ASSERT(row >= 0 && row < args.job.cache.capacity);
            const std::uint8_t* values = keys + row * shape.width * kCachedBytes<kType>;
            for (int c = part * 8; c < shape.width; c += 64) {
                float k[8];
                loadCached8<kType>(values, c, shape.width, args.wide, k);
                LSK_UNROLL
                for (int h = 0; h < kHeads; ++h)
                    LSK_UNROLL
                for (int i = 0; i < 8; ++i)
                    products[h] += shared.q[h * padded + c + i] * k[i];
            }
        }
        LSK_UNROLL
        for (int h = 0; h < kHeads; ++h) {
            float sum = products[h];
            sum += shuffleXor(sum, 4);
            sum += shuffleXor(sum, 2);
            sum += shuffleXor(sum, 1);
            if (part == 0)
                shared.scores[h * kDecodeTile + key] = key < count ? scoreOf(sum, shape) : -INFINITY;
        }
    }
}

/// Scores to weights relative to the maximum so far; a warp takes a head. `factor`: what the sums so far count now.
template <int kHeads>
LSK_DEVICE void weighTile(const DecodeShared<kHeads>& shared)
{
    for (int h = int(warpId()); h < kHeads; h += kDecodeThreads / 32) {
        float* scores = shared.scores + h * kDecodeTile;
        float highest = -INFINITY;
        for (int key = int(laneId()); key < kDecodeTile; key += 32)
            highest = scores[key] > highest ? scores[key] : highest;
        const float before = shared.maximum[h];
        highest = warpMax(highest);
        highest = before > highest ? before : highest;
        float sum = 0;
        for (int key = int(laneId()); key < kDecodeTile; key += 32) {
            // Without any finite score the difference would be that of two infinities; NaN scores stay NaN.
            const float weight = scores[key] == -INFINITY ? 0.0f : power2(scores[key] - highest);
            scores[key] = weight;
            sum += weight;
        }
        sum = warpSum(sum);
        if (laneId() == 0) {
            const float factor = before == -INFINITY ? 0.0f : power2(before - highest);
            shared.factor[h] = factor;
            shared.total[h] = shared.total[h] * factor + sum;
            shared.maximum[h] = highest;
        }
        syncWarp();
    }
}

/// Two columns of the values, every `groups`-th key of the tile.
template <CacheType kType, int kHeads>
LSK_DEVICE void sumTile(const DecodeAttentionArgs& args, const DecodeShared<kHeads>& shared, const KeyRows& rows,
                        const std::uint8_t* values, std::int64_t first, int count, int column, int group, int groups,
                        float (&sums)[kHeads][2])
{
    const int width = args.job.shape.width;
    LSK_UNROLL
    for (int h = 0; h < kHeads; ++h) {
        sums[h][0] *= shared.factor[h];
        sums[h][1] *= shared.factor[h];
    }
    if (column >= width)
        return;
    for (int key = group; key < count; key += groups) {
        const std::uint8_t* row = values + rows.at(first + key) * width * kCachedBytes<kType>;
        const float a = cachedAt<kType>(row, column), b = column + 1 < width ? cachedAt<kType>(row, column + 1) : 0.0f;
        LSK_UNROLL
        for (int h = 0; h < kHeads; ++h) {
            const float weight = shared.scores[h * kDecodeTile + key];
            sums[h][0] += weight * a;
            sums[h][1] += weight * b;
        }
    }
}

template <CacheType kType, int kHeads>
LSK_KERNEL void LSK_BOUNDS(kDecodeThreads) decodePartKernel(const DecodeAttentionArgs args)
{
    LSK_SHARED(memory);
    const DecodeAttention& job = args.job;
    const int width = job.shape.width, group = job.shape.heads / job.shape.kvHeads;
    const int kvHead = int(blockY()) / args.headGroups, firstOfGroup = int(blockY()) % args.headGroups * kHeads;
    const int headCount = group - firstOfGroup < kHeads ? group - firstOfGroup : kHeads;
    const int firstHead = kvHead * group + firstOfGroup, query = int(blockZ());
    const DecodeShared<kHeads> shared(memory, width);
    const KeyRows rows = keyRows(job.visible, kvHead, query);
    const std::int64_t begin = blockX() * args.splits.keys;
    const std::int64_t end = begin + args.splits.keys < rows.count ? begin + args.splits.keys : rows.count;

    const int padded = DecodeShared<kHeads>::padded(width);
    for (int i = int(threadId()); i < kHeads * padded; i += kDecodeThreads) {
        const int h = i / padded, c = i % padded;
        shared.q[i] =
            h < headCount && c < width ? job.q[query * job.qStride + std::int64_t(firstHead + h) * width + c] : 0.0f;
    }
    if (int(threadId()) < kHeads) {
        shared.maximum[threadId()] = -INFINITY;
        shared.total[threadId()] = 0;
    }
    syncThreads();

    // Threads of a row of values: a power of two, so that all 128 have work.
    const int pairs = width > 128 ? 128 : width > 64 ? 64 : 32;
    const int column = int(threadId()) % pairs * 2, part = int(threadId()) / pairs, parts = kDecodeThreads / pairs;
    const std::int64_t head = kvHead * job.cache.headStride * kCachedBytes<kType>;
    const std::uint8_t* keys = static_cast<const std::uint8_t*>(job.cache.keys) + head;
    const std::uint8_t* values = static_cast<const std::uint8_t*>(job.cache.values) + head;
    float sums[kHeads][2];
    LSK_UNROLL
    for (int h = 0; h < kHeads; ++h)
        sums[h][0] = sums[h][1] = 0;
    for (std::int64_t first = begin; first < end; first += kDecodeTile) {
        const int count = end - first < kDecodeTile ? int(end - first) : kDecodeTile;
        scoreTile<kType, kHeads>(args, shared, rows, keys, first, count);
        syncThreads();
        weighTile<kHeads>(shared);
        syncThreads();
        sumTile<kType, kHeads>(args, shared, rows, values, first, count, column, part, parts, sums);
        syncThreads();
    }

    // The other parts of the sums go through shared memory to part 0.
    LSK_UNROLL
    for (int h = 0; h < kHeads; ++h)
        for (int i = 0; i < 2; ++i)
            if (part > 0 && column + i < width)
                shared.sums[((part - 1) * kHeads + h) * width + column + i] = sums[h][i];
    syncThreads();
    if (part > 0)
        return;
    LSK_UNROLL
    for (int h = 0; h < kHeads; ++h) {
        if (h >= headCount)
            continue;
        const std::int64_t unit =
            (std::int64_t(query) * job.shape.heads + firstHead + h) * args.splits.count + blockX();
        float* result = job.partials + unit * (width + 2);
        for (int i = 0; i < 2; ++i) {
            if (column + i >= width)
                continue;
            float sum = sums[h][i];
            for (int p = 1; p < parts; ++p)
                sum += shared.sums[((p - 1) * kHeads + h) * width + column + i];
            result[column + i] = sum;
        }
        if (column == 0) {
            result[width] = shared.maximum[h];
            result[width + 1] = shared.total[h];
        }
    }
}

/// Joins the parts: each counts relative to the largest maximum. Grid (heads, queries).
LSK_KERNEL void LSK_BOUNDS(kDecodeThreads) joinPartsKernel(const DecodeAttentionArgs args)
{
    const DecodeAttention& job = args.job;
    const int width = job.shape.width;
    const std::int64_t unit = std::int64_t(blockY()) * job.shape.heads + blockX();
    const float* parts = job.partials + unit * args.splits.count * (width + 2);
    float maximum = -INFINITY;
    for (int p = 0; p < args.splits.count; ++p) {
        const float own = parts[p * (width + 2) + width];
        maximum = own > maximum ? own : maximum;
    }
    float total = 0;
    for (int p = 0; p < args.splits.count; ++p) {
        const float* part = parts + p * (width + 2);
        if (part[width] != -INFINITY || part[width + 1] != 0.0f)
            total += power2(part[width] - maximum) * part[width + 1];
    }
    for (int c = int(threadId()); c < width; c += kDecodeThreads) {
        float sum = 0;
        for (int p = 0; p < args.splits.count; ++p) {
            const float* part = parts + p * (width + 2);
            if (part[width] != -INFINITY || part[width + 1] != 0.0f) // an empty part has a maximum of -infinity
                sum += power2(part[width] - maximum) * part[c];
        }
        job.out[std::int64_t(blockY()) * job.outStride + std::int64_t(blockX()) * width + c] =
            total != 0.0f ? sum / total : 0.0f;
    }
    if (threadId() == 0 && job.logSumExp)
        job.logSumExp[unit] = total != 0.0f ? kLn2 * (maximum + logarithm2(total)) : -INFINITY;
}

} // namespace ls::cuda
