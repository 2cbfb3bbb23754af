#pragma once

#include "kernels/cuda/cached_values.cuh"
#include "kernels/cuda/prefill_attention.h"

#include <cmath>

/// The kernel behind prefill_attention.h. Grid (tiles, KV heads x pairs of query heads), 256 threads: 64 rows (32
/// queries of two heads), four threads a row; keys in chunks of 32 through shared memory.
namespace ls::cuda {

constexpr int kPrefillThreads = 256, kPrefillRows = 64, kPrefillChunk = 32, kPrefillHeads = 2;

struct PrefillArgs {
    PrefillAttention job;
    int headPairs = 1;
    bool wide = false;
};

/// Keys of a tile, numbered from 0 on: first those before `from` (a list, or the sinks), then from, from + 1, ...
struct TileKeys {
    const std::int32_t* list;
    std::int64_t listed, from, count;
    LSK_DEVICE std::int64_t at(std::int64_t i) const { return i >= listed ? from + (i - listed) : list ? list[i] : i; }
};

LSK_DEVICE TileKeys tileKeys(const PrefillAttention& job, int tile, int kvHead)
{
    const std::int64_t start = job.before + std::int64_t(tile) * kPrefillTile;
    const std::int64_t left = job.queries - std::int64_t(tile) * kPrefillTile;
    const std::int64_t end = start + (left < kPrefillTile ? left : kPrefillTile);
    TileKeys keys{nullptr, 0, 0, 0};
    if (job.lists) {
        const int owner = job.owner ? job.owner[kvHead] : kvHead;
        const std::int64_t which = std::int64_t(tile) * job.shape.kvHeads + owner;
        if (job.listSizes[which] >= 0) {
            keys.list = job.lists + which * job.listStride;
            keys.listed = job.listSizes[which];
            keys.from = start;
        }
    } else if (job.window > 0 && start - job.window + 1 > 0) {
        keys.from = start - job.window + 1; // what the tile's first query sees
        keys.listed = job.sinks < keys.from ? job.sinks : keys.from;
    }
    keys.count = keys.listed + end - keys.from;
    return keys;
}

/// Floats of a row in shared memory: columns padded to 16, and four more so that rows begin in different banks.
LSK_HOST_DEVICE int prefillRow(int width)
{
    return (width + 15) / 16 * 16 + 4;
}
LSK_HOST_DEVICE std::size_t prefillShared(int width)
{
    return sizeof(float) *
           std::size_t((kPrefillRows + 2 * kPrefillChunk) * prefillRow(width) + kPrefillRows * (kPrefillChunk + 1));
}

/// Keys or values of a chunk, as float, zero where there is none.
template <CacheType kType>
LSK_DEVICE void loadChunk(const PrefillArgs& args, const void* base, int kvHead, const TileKeys& keys,
                          std::int64_t first, float* out)
{
    const int width = args.job.shape.width, row = prefillRow(width), eights = (row - 4) / 8;
    const auto* head =
        static_cast<const std::uint8_t*>(base) + kvHead * args.job.cache.headStride * kCachedBytes<kType>;
    for (int i = int(threadId()); i < kPrefillChunk * eights; i += kPrefillThreads) {
        const int key = i / eights, c = i % eights * 8;
        float values[8] = {};
        if (first + key < keys.count) {
            const std::int64_t at = keys.at(first + key);
            LSK_ASSERT(at >= 0 && at < args.job.before + args.job.queries);
            loadCached8<kType>(head + at * width * kCachedBytes<kType>, c, width, args.wide, values);
        }
        LSK_UNROLL
        for (int j = 0; j < 8; ++j)
            out[key * row + c + j] = values[j];
    }
}

LSK_DEVICE float dot4Floats(const Floats4& a, const Floats4& b, float sum)
{
    return sum + a.v[0] * b.v[0] + a.v[1] * b.v[1] + a.v[2] * b.v[2] + a.v[3] * b.v[3];
}

/// kColumns: of the head that one thread keeps, a quarter of the padded width.
template <CacheType kType, int kColumns>
LSK_KERNEL void LSK_BOUNDS(kPrefillThreads) prefillKernel(const PrefillArgs args)
{
    LSK_SHARED(memory);
    const PrefillAttention& job = args.job;
    const int width = job.shape.width, row = prefillRow(width), group = job.shape.heads / job.shape.kvHeads;
    const int kvHead = int(blockY()) / args.headPairs, pair = int(blockY()) % args.headPairs, tile = int(blockX());
    float* q = reinterpret_cast<float*>(memory);
    float *k = q + kPrefillRows * row, *v = k + kPrefillChunk * row, *weights = v + kPrefillChunk * row;

    const int mine = int(threadId()) / 4, quarter = int(threadId()) % 4;
    const auto headOf = [&](int r) { return kPrefillHeads * pair + r / kPrefillTile; }; // within the group
    const auto queryOf = [&](int r) { return tile * kPrefillTile + r % kPrefillTile; };
    const auto exists = [&](int r) { return headOf(r) < group && queryOf(r) < job.queries; };
    for (int i = int(threadId()); i < kPrefillRows * (row - 4); i += kPrefillThreads) {
        const int r = i / (row - 4), c = i % (row - 4);
        q[r * row + c] = exists(r) && c < width
                             ? job.q[queryOf(r) * job.qStride + std::int64_t(kvHead * group + headOf(r)) * width + c]
                             : 0.0f;
    }
    const TileKeys keys = tileKeys(job, tile, kvHead);
    const std::int64_t position = job.before + queryOf(mine);
    float maximum = -INFINITY, total = 0, sums[kColumns];
    LSK_UNROLL
    for (int i = 0; i < kColumns; ++i)
        sums[i] = 0;

    for (std::int64_t first = 0; first < keys.count; first += kPrefillChunk) {
        loadChunk<kType>(args, job.cache.keys, kvHead, keys, first, k);
        loadChunk<kType>(args, job.cache.values, kvHead, keys, first, v);
        syncThreads();
        float scores[kPrefillChunk / 4];
        LSK_UNROLL
        for (int i = 0; i < kPrefillChunk / 4; ++i)
            scores[i] = 0;
        for (int c = 0; c < row - 4; c += 4) {
            const Floats4 own = *reinterpret_cast<const Floats4*>(q + mine * row + c);
            LSK_UNROLL
            for (int i = 0; i < kPrefillChunk / 4; ++i)
                scores[i] =
                    dot4Floats(own, *reinterpret_cast<const Floats4*>(k + (4 * i + quarter) * row + c), scores[i]);
        }
        float highest = maximum;
        LSK_UNROLL
        for (int i = 0; i < kPrefillChunk / 4; ++i) {
            const std::int64_t number = first + 4 * i + quarter;
            bool visible = number < keys.count;
            if (visible) {
                const std::int64_t at = keys.at(number);
                const bool near = job.lists || job.window == 0 || at < job.sinks || position - at < job.window;
                visible = at <= position && near;
            }
            const float score = scores[i] * job.shape.scale, cap = job.shape.softCap;
            scores[i] = visible ? 1.44269504f * (cap > 0 ? cap * tanhf(score / cap) : score) : -INFINITY;
            highest = scores[i] > highest ? scores[i] : highest;
        }
        for (unsigned mask = 1; mask < 4; mask *= 2) { // the row's four threads are neighbours
            const float other = shuffleXor(highest, mask);
            highest = other > highest ? other : highest;
        }
        const float factor = maximum == -INFINITY ? 0.0f : power2(maximum - highest);
        float sum = 0;
        LSK_UNROLL
        for (int i = 0; i < kPrefillChunk / 4; ++i) {
            const float weight = scores[i] == -INFINITY ? 0.0f : power2(scores[i] - highest);
            weights[mine * (kPrefillChunk + 1) + 4 * i + quarter] = weight;
            sum += weight;
        }
        for (unsigned mask = 1; mask < 4; mask *= 2)
            sum += shuffleXor(sum, mask);
        total = total * factor + sum;
        maximum = highest;
        syncWarp(); // weights of a row are written and read by one warp
        LSK_UNROLL
        for (int i = 0; i < kColumns; ++i)
            sums[i] *= factor;
        for (int key = 0; key < kPrefillChunk; ++key) {
            const float weight = weights[mine * (kPrefillChunk + 1) + key];
            LSK_UNROLL
            for (int i = 0; i < kColumns / 4; ++i) {
                if (16 * i >= row - 4)
                    continue;
                const Floats4 value = *reinterpret_cast<const Floats4*>(v + key * row + 16 * i + 4 * quarter);
                LSK_UNROLL
                for (int j = 0; j < 4; ++j)
                    sums[4 * i + j] += weight * value.v[j];
            }
        }
        syncThreads();
    }
    if (!exists(mine))
        return;
    float* out = job.out + queryOf(mine) * job.outStride + std::int64_t(kvHead * group + headOf(mine)) * width;
    LSK_UNROLL
    for (int i = 0; i < kColumns; ++i) {
        const int c = i / 4 * 16 + 4 * quarter + i % 4;
        if (c < width)
            out[c] = total != 0.0f ? sums[i] / total : 0.0f;
    }
}

} // namespace ls::cuda
