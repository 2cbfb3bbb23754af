#include "kernels/cpu/attention.h"

#include "kernels/cpu/worker_pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls::kernels {

namespace {

const void* at(const void* base, CacheType type, std::int64_t values)
{
    return static_cast<const std::uint8_t*>(base) + values * cacheValueBytes(type);
}

constexpr std::int64_t kSmallestPart = 128, kLargestPart = 512;

/// Keys of a part: small ones keep all threads busy in short contexts, large ones are cheaper.
std::int64_t partSize(std::int64_t keys)
{
    std::int64_t size = kSmallestPart;
    while (size < kLargestPart && keys > 16 * size)
        size *= 2;
    return size;
}

std::int64_t partsOf(std::int64_t keys, std::int64_t size)
{
    return (keys + size - 1) / size;
}

} // namespace

int cacheValueBytes(CacheType type)
{
    return type == CacheType::F32 ? 4 : 2;
}

std::int64_t prefillScratch(int rows, int width)
{
    const std::int64_t paddedRows = (rows + 15) / 16 * 16, paddedWidth = (width + 15) / 16 * 16;
    return 2 * kPrefillKeys * paddedWidth + 2 * paddedRows * paddedWidth + 2 * paddedRows + 16 * kPrefillKeys;
}

void Attention::reserve(const WorkerPool& pool, const HeadShape& shape, std::int64_t entries, int queries)
{
    const std::size_t partials = std::size_t((partsOf(entries, kSmallestPart) + 1) * shape.heads * (shape.width + 2));
    if (m_partials.size() < partials)
        m_partials.resize(partials);
    if (queries > 1) {
        const int rows = std::min(queries, kPrefillQueries) * (shape.heads / shape.kvHeads);
        m_scratchPerThread = std::max(m_scratchPerThread, (prefillScratch(rows, shape.width) + 15) / 16 * 16);
        const std::size_t floats = std::size_t(m_scratchPerThread * pool.threads());
        if (m_scratch.size() < floats)
            m_scratch.resize(floats);
    }
}

void Attention::decode(WorkerPool& pool, const HeadShape& shape, const float* q, const CacheView& cache,
                       const KeyChoice& choice, float* out, float* logSumExp)
{
    const int group = shape.heads / shape.kvHeads;
    const std::int64_t recent = std::max(choice.recent, std::min(choice.sinks, cache.entries));
    const std::int64_t sinkKeys = choice.recent > 0 ? std::min(choice.sinks, cache.entries) : 0;
    const std::int64_t firstRecent = choice.recent > 0 ? recent : 0;
    const std::int64_t recentKeys = std::max<std::int64_t>(0, cache.entries - firstRecent);
    const std::int64_t keys =
        choice.lists ? *std::max_element(choice.listSizes, choice.listSizes + shape.kvHeads) : sinkKeys + recentKeys;
    const std::int64_t size = partSize(keys), sinkParts = choice.lists ? 0 : partsOf(sinkKeys, size);
    const std::int64_t parts = choice.lists ? partsOf(keys, size) : sinkParts + partsOf(recentKeys, size);
    reserve(pool, shape, parts * kSmallestPart, 1);
    const std::int64_t perHead = shape.width + 2, perPart = shape.heads * perHead;

    const auto body = [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t unit = begin; unit < end; ++unit) {
            const std::int64_t head = unit / parts, part = unit % parts; // neighbours in memory
            DecodeAttentionJob job;
            job.q = q + head * group * shape.width;
            job.heads = group;
            job.width = shape.width;
            job.scale = shape.scale;
            job.softCap = shape.softCap;
            job.type = cache.type;
            job.keys = at(cache.keys, cache.type, head * cache.headStride);
            job.values = at(cache.values, cache.type, head * cache.headStride);
            job.result = m_partials.data() + part * perPart + head * group * perHead;
            std::int64_t left = 0;
            if (choice.lists) {
                job.rows = choice.lists[head] + part * size;
                left = choice.listSizes[head] - part * size;
            } else if (part < sinkParts) {
                job.firstRow = part * size;
                left = sinkKeys - job.firstRow;
            } else {
                job.firstRow = firstRecent + (part - sinkParts) * size;
                left = cache.entries - job.firstRow;
            }
            job.count = int(std::clamp<std::int64_t>(left, 0, size));
            job.ahead = int(std::clamp<std::int64_t>(left - job.count, 0, size));
            if (job.count > 0) {
                kernelTable().decodeAttention(job);
                continue;
            }
            for (int h = 0; h < group; ++h)
                job.result[h * perHead + shape.width] = -std::numeric_limits<float>::infinity();
        }
    };
    const std::int64_t units = parts * shape.kvHeads;
    pool.forRange(units, std::clamp<std::int64_t>(units / (8 * pool.threads()), 1, 16), body);
    for (int h = 0; h < shape.heads; ++h) {
        JoinPartsJob job{m_partials.data() + h * perHead, parts, perPart, shape.width, out + h * shape.width, {}};
        kernelTable().joinAttentionParts(job);
        if (logSumExp)
            logSumExp[h] =
                job.state[1] != 0 ? job.state[0] + std::log(job.state[1]) : -std::numeric_limits<float>::infinity();
    }
}

void Attention::prefill(WorkerPool& pool, const HeadShape& shape, const float* q, std::int64_t qStride, int queries,
                        const CacheView& cache, std::int64_t sinks, const std::int32_t* recent, float* out,
                        std::int64_t outStride)
{
    reserve(pool, shape, 0, std::max(queries, 2));
    const int group = shape.heads / shape.kvHeads;
    const std::int64_t pieces = (queries + kPrefillQueries - 1) / kPrefillQueries;
    const auto body = [&](std::int64_t begin, std::int64_t end, int thread) {
        for (std::int64_t unit = begin; unit < end; ++unit) {
            const std::int64_t head = unit % shape.kvHeads;
            const std::int64_t first = (pieces - 1 - unit / shape.kvHeads) * kPrefillQueries; // the longest ones first
            PrefillAttentionJob job;
            job.q = q + first * qStride + head * group * shape.width;
            job.qStride = qStride;
            job.queries = int(std::min<std::int64_t>(kPrefillQueries, queries - first));
            job.heads = group;
            job.width = shape.width;
            job.scale = shape.scale;
            job.softCap = shape.softCap;
            job.type = cache.type;
            job.keys = at(cache.keys, cache.type, head * cache.headStride);
            job.values = at(cache.values, cache.type, head * cache.headStride);
            job.visible = cache.entries - queries + first + 1;
            job.sinks = sinks;
            job.recent = recent ? recent + first : nullptr;
            job.out = out + first * outStride + head * group * shape.width;
            job.outStride = outStride;
            job.scratch = m_scratch.data() + thread * m_scratchPerThread;
            kernelTable().prefillAttention(job);
        }
    };
    pool.forRange(pieces * shape.kvHeads, 1, body);
}

} // namespace ls::kernels
