#include "kernels/cuda/decode_attention.cuh"

#include "kernels/cuda/launch_kernel.h"

namespace ls::cuda {

namespace {

template <CacheType kType, int kHeads>
Launch launchParts(DecodeAttentionArgs args, Stream stream)
{
    const int group = args.job.shape.heads / args.job.shape.kvHeads;
    args.headGroups = (group + kHeads - 1) / kHeads;
    Geometry geometry;
    geometry.gridX = unsigned(args.splits.count);
    geometry.gridY = unsigned(args.job.shape.kvHeads * args.headGroups);
    geometry.gridZ = unsigned(args.job.queries);
    geometry.threads = kDecodeThreads;
    geometry.sharedBytes = DecodeShared<kHeads>::bytes(args.job.shape.width);
    return launchKernel(decodePartKernel<kType, kHeads>, geometry, stream, args);
}

template <CacheType kType>
Launch launchForGroup(const DecodeAttentionArgs& args, Stream stream)
{
    const int group = args.job.shape.heads / args.job.shape.kvHeads;
    if (group > 4)
        return launchParts<kType, 8>(args, stream);
    if (group > 2)
        return launchParts<kType, 4>(args, stream);
    return group > 1 ? launchParts<kType, 2>(args, stream) : launchParts<kType, 1>(args, stream);
}

Launch checked(const DecodeAttention& job)
{
    const HeadLayout& s = job.shape;
    if (s.kvHeads < 1 || s.heads < 1 || s.heads % s.kvHeads != 0 || s.width < 1 || job.queries < 0 ||
        job.visible.maxKeys < 0 || job.visible.sinks < 0 || job.visible.window < 0 ||
        job.cache.headStride < job.cache.capacity * s.width || (job.visible.lists && !job.visible.listSizes) ||
        (!job.visible.lists && !job.visible.entries))
        return Launch::BadShape;
    if (s.width > kMaxHeadWidth)
        return Launch::TooWide;
    const auto bytes = std::size_t(cachedBytes(job.cache.type));
    if (!aligned(job.cache.keys, bytes) || !aligned(job.cache.values, bytes) || !aligned(job.q, 4) ||
        !aligned(job.out, 4) || !aligned(job.partials, 4))
        return Launch::Unaligned;
    return Launch::Ok;
}

} // namespace

Splits splitsFor(std::int64_t maxKeys, int kvHeads, int queries)
{
    const std::int64_t wanted = (2 * deviceBlocks() + kvHeads * queries - 1) / (kvHeads * queries);
    const std::int64_t useful = (maxKeys + 255) / 256;
    std::int64_t count = wanted < useful ? wanted : useful;
    count = count < 1 ? 1 : count > kMaxSplits ? kMaxSplits : count;
    const std::int64_t keys = ((maxKeys + count - 1) / count + 127) / 128 * 128;
    return {int(keys > 0 ? (maxKeys + keys - 1) / keys : 1), keys > 0 ? keys : 128};
}

std::int64_t decodeScratch(const HeadLayout& shape, std::int64_t maxKeys, int queries)
{
    return std::int64_t(splitsFor(maxKeys, shape.kvHeads, queries).count) * queries * shape.heads * (shape.width + 2);
}

Launch decodeAttention(const DecodeAttention& job, Stream stream)
{
    if (const Launch bad = checked(job); bad != Launch::Ok)
        return bad;
    if (job.queries == 0)
        return Launch::Ok;
    DecodeAttentionArgs args;
    args.job = job;
    args.splits = splitsFor(job.visible.maxKeys, job.shape.kvHeads, job.queries);
    const std::int64_t bytes = cachedBytes(job.cache.type);
    args.wide = aligned(job.cache.keys, 16) && aligned(job.cache.values, 16) && job.shape.width * bytes % 16 == 0 &&
                job.cache.headStride * bytes % 16 == 0;
    Launch result = Launch::Unsupported;
    switch (job.cache.type) {
    case CacheType::F32:
        result = launchForGroup<CacheType::F32>(args, stream);
        break;
    case CacheType::F16:
        result = launchForGroup<CacheType::F16>(args, stream);
        break;
    case CacheType::BF16:
        result = launchForGroup<CacheType::BF16>(args, stream);
        break;
    }
    if (result != Launch::Ok)
        return result;
    Geometry geometry;
    geometry.gridX = unsigned(job.shape.heads);
    geometry.gridY = unsigned(job.queries);
    geometry.threads = kDecodeThreads;
    return launchKernel(joinPartsKernel, geometry, stream, args);
}

} // namespace ls::cuda
