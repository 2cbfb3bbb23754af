#include "kernels/cuda/prefill_attention.cuh"

#include "kernels/cuda/launch_kernel.h"

namespace ls::cuda {

namespace {

template <CacheType kType>
Launch launchTiles(const PrefillArgs& args, const Geometry& geometry, Stream stream)
{
    if (args.job.shape.width > 128)
        return launchKernel(prefillKernel<kType, 64>, geometry, stream, args);
    if (args.job.shape.width > 64)
        return launchKernel(prefillKernel<kType, 32>, geometry, stream, args);
    return launchKernel(prefillKernel<kType, 16>, geometry, stream, args);
}

Launch checked(const PrefillAttention& job)
{
    const HeadLayout& s = job.shape;
    if (s.kvHeads < 1 || s.heads < 1 || s.heads % s.kvHeads != 0 || s.width < 1 || job.queries < 0 || job.before < 0 ||
        job.before + job.queries > job.cache.capacity || job.sinks < 0 || job.window < 0 ||
        job.cache.headStride < job.cache.capacity * s.width || (job.lists && !job.listSizes))
        return Launch::BadShape;
    if (s.width > kMaxHeadWidth)
        return Launch::TooWide;
    const auto bytes = std::size_t(cachedBytes(job.cache.type));
    if (!aligned(job.cache.keys, bytes) || !aligned(job.cache.values, bytes) || !aligned(job.q, 4) ||
        !aligned(job.out, 4))
        return Launch::Unaligned;
    return Launch::Ok;
}

} // namespace

Launch prefillAttention(const PrefillAttention& job, Stream stream)
{
    if (const Launch bad = checked(job); bad != Launch::Ok)
        return bad;
    if (job.queries == 0)
        return Launch::Ok;
    PrefillArgs args;
    args.job = job;
    const int group = job.shape.heads / job.shape.kvHeads;
    args.headPairs = (group + kPrefillHeads - 1) / kPrefillHeads;
    const std::int64_t bytes = cachedBytes(job.cache.type);
    args.wide = aligned(job.cache.keys, 16) && aligned(job.cache.values, 16) && job.shape.width * bytes % 16 == 0 &&
                job.cache.headStride * bytes % 16 == 0;
    Geometry geometry;
    geometry.gridX = unsigned((job.queries + kPrefillTile - 1) / kPrefillTile);
    geometry.gridY = unsigned(job.shape.kvHeads * args.headPairs);
    geometry.threads = kPrefillThreads;
    geometry.sharedBytes = prefillShared(job.shape.width);
    switch (job.cache.type) {
    case CacheType::F32:
        return launchTiles<CacheType::F32>(args, geometry, stream);
    case CacheType::F16:
        return launchTiles<CacheType::F16>(args, geometry, stream);
    case CacheType::BF16:
        return launchTiles<CacheType::BF16>(args, geometry, stream);
    }
    return Launch::Unsupported;
}

} // namespace ls::cuda
