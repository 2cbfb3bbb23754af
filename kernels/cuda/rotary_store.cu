#include "kernels/cuda/rotary_store.h"

#include "kernels/cuda/cached_values.cuh"
#include "kernels/cuda/launch_kernel.h"

namespace ls::cuda {

namespace {

constexpr int kWarps = 4;

/// Where a value of a head goes besides its own place.
struct CacheRow {
    CacheType type;
    void* row; ///< null: nowhere
    LSK_DEVICE void put(int c, float value) const
    {
        if (row)
            storeCached(type, row, c, value);
    }
};

LSK_DEVICE CacheRow cacheRow(const RotaryStore& job, void* base, int kvHead, std::int64_t row)
{
    LSK_ASSERT(row >= 0 && row < job.cache.capacity);
    if (row < 0 || row >= job.cache.capacity)
        return {job.cache.type, nullptr};
    const std::int64_t at = kvHead * job.cache.headStride + row * job.width;
    return {job.cache.type, static_cast<std::uint8_t*>(base) + at * cachedBytes(job.cache.type)};
}

/// Norm and rotation of one head by a warp; each lane reads and writes its own pairs.
LSK_DEVICE void turnHead(const RotaryStore& job, float* x, const float* norm, std::int64_t position,
                         const CacheRow& row)
{
    float scale = 1;
    if (norm) {
        float sum = 0;
        for (int c = int(laneId()); c < job.width; c += 32)
            sum += x[c] * x[c];
        scale = 1.0f / sqrtf(warpSum(sum) / float(job.width) + job.epsilon);
    }
    const int half = job.turned / 2;
    for (int j = int(laneId()); j < half; j += 32) {
        const float cosine = job.cosines[position * half + j], sine = job.sines[position * half + j];
        const float a = norm ? x[j] * scale * norm[j] : x[j];
        const float b = norm ? x[j + half] * scale * norm[j + half] : x[j + half];
        x[j] = a * cosine - b * sine;
        x[j + half] = b * cosine + a * sine;
        row.put(j, x[j]);
        row.put(j + half, x[j + half]);
    }
    for (int c = job.turned + int(laneId()); c < job.width; c += 32) {
        if (norm)
            x[c] = x[c] * scale * norm[c];
        row.put(c, x[c]);
    }
}

LSK_KERNEL void LSK_BOUNDS(32 * kWarps) rotaryStoreKernel(const RotaryStore job)
{
    const int perToken = job.heads + 2 * job.kvHeads;
    const std::int64_t unit = std::int64_t(blockX()) * kWarps + warpId();
    if (unit >= std::int64_t(job.tokens) * perToken)
        return; // the whole warp, and there is no barrier
    const std::int64_t t = unit / perToken;
    const int slot = int(unit % perToken);
    const std::int64_t position = job.turned > 0 ? *job.position + t : 0;
    if (slot < job.heads) {
        turnHead(job, job.q + t * job.qStride + std::int64_t(slot) * job.width, job.qNorm, position,
                 {job.cache.type, nullptr});
        return;
    }
    const std::int64_t row = *job.firstRow + t;
    if (slot < job.heads + job.kvHeads) {
        const int head = slot - job.heads;
        turnHead(job, job.k + t * job.kStride + std::int64_t(head) * job.width, job.kNorm, position,
                 cacheRow(job, job.cache.keys, head, row));
        return;
    }
    const int head = slot - job.heads - job.kvHeads;
    const CacheRow target = cacheRow(job, job.cache.values, head, row);
    for (int c = int(laneId()); c < job.width; c += 32)
        target.put(c, job.v[t * job.vStride + std::int64_t(head) * job.width + c]);
}

} // namespace

Launch rotateAndStore(const RotaryStore& job, Stream stream)
{
    if (job.tokens < 0 || job.heads < 0 || job.kvHeads < 0 || job.width < 1 || job.turned < 0 || job.turned % 2 != 0 ||
        job.turned > job.width || job.cache.headStride < job.cache.capacity * job.width)
        return Launch::BadShape;
    if (job.width > kMaxHeadWidth)
        return Launch::TooWide;
    const auto bytes = std::size_t(cachedBytes(job.cache.type));
    if (!aligned(job.cache.keys, bytes) || !aligned(job.cache.values, bytes))
        return Launch::Unaligned;
    const std::int64_t units = std::int64_t(job.tokens) * (job.heads + 2 * job.kvHeads);
    if (units == 0)
        return Launch::Ok;
    Geometry geometry;
    geometry.gridX = unsigned((units + kWarps - 1) / kWarps);
    geometry.threads = 32 * kWarps;
    return launchKernel(rotaryStoreKernel, geometry, stream, job);
}

} // namespace ls::cuda
