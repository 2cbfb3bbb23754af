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

std::int64_t partsOf(std::int64_t keys)
{
    return (keys + kDecodePart - 1) / kDecodePart;
}

/// Joins the parts of a head: every part's sums count relative to the largest maximum.
void combine(const float* partials, std::int64_t parts, std::int64_t stride, int width, float* out, float* logSumExp)
{
    float maximum = -std::numeric_limits<float>::infinity();
    for (std::int64_t p = 0; p < parts; ++p) {
        const float own = partials[p * stride + width];
        maximum = own > maximum || std::isnan(own) ? own : maximum;
    }
    float total = 0;
    std::fill_n(out, width, 0.0f);
    for (std::int64_t p = 0; p < parts; ++p) {
        const float* part = partials + p * stride;
        if (part[width] == -std::numeric_limits<float>::infinity())
            continue; // saw nothing; the difference of two infinities would be NaN
        const float factor = std::exp(part[width] - maximum);
        total += factor * part[width + 1];
        for (int c = 0; c < width; ++c)
            out[c] += factor * part[c];
    }
    const float inverse = total != 0 ? 1.0f / total : 0.0f;
    for (int c = 0; c < width; ++c)
        out[c] *= inverse;
    if (logSumExp)
        *logSumExp = total != 0 ? maximum + std::log(total) : -std::numeric_limits<float>::infinity();
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
    const std::size_t partials = std::size_t((partsOf(entries) + 1) * shape.heads * (shape.width + 2));
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
    const std::int64_t sinkParts = choice.recent > 0 ? partsOf(std::min(choice.sinks, cache.entries)) : 0;
    const std::int64_t firstRecent = choice.recent > 0 ? recent : 0;
    std::int64_t parts = sinkParts + partsOf(std::max<std::int64_t>(0, cache.entries - firstRecent));
    if (choice.lists)
        parts = partsOf(*std::max_element(choice.listSizes, choice.listSizes + shape.kvHeads));
    reserve(pool, shape, parts * kDecodePart, 1);
    const std::int64_t perHead = shape.width + 2, perPart = shape.heads * perHead;

    const auto body = [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t unit = begin; unit < end; ++unit) {
            const std::int64_t part = unit / shape.kvHeads, head = unit % shape.kvHeads;
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
                job.rows = choice.lists[head] + part * kDecodePart;
                left = choice.listSizes[head] - part * kDecodePart;
            } else if (part < sinkParts) {
                job.firstRow = part * kDecodePart;
                left = std::min(choice.sinks, cache.entries) - job.firstRow;
            } else {
                job.firstRow = firstRecent + (part - sinkParts) * kDecodePart;
                left = cache.entries - job.firstRow;
            }
            job.count = int(std::clamp<std::int64_t>(left, 0, kDecodePart));
            if (job.count > 0) {
                kernelTable().decodeAttention(job);
                continue;
            }
            for (int h = 0; h < group; ++h)
                job.result[h * perHead + shape.width] = -std::numeric_limits<float>::infinity();
        }
    };
    pool.forRange(parts * shape.kvHeads, 1, body);
    for (int h = 0; h < shape.heads; ++h)
        combine(m_partials.data() + h * perHead, parts, perPart, shape.width, out + std::int64_t(h) * shape.width,
                logSumExp ? logSumExp + h : nullptr);
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
