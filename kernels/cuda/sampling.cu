#include "kernels/cuda/sampling.cuh"

#include "kernels/cuda/launch_kernel.h"

#include <cmath>

namespace ls::cuda {

Launch sampleTokens(const Sampling& job, Stream stream)
{
    if (job.rows < 0 || job.count < 1 || job.count > (std::int64_t(1) << 20) || !std::isfinite(job.temperature) ||
        job.temperature < 0 || job.topK < 0 || !(job.topP > 0 && job.topP <= 1) ||
        (job.rows > 1 && job.stride < job.count))
        return Launch::BadShape;
    if (job.rows == 0)
        return Launch::Ok;
    Geometry geometry;
    geometry.gridX = unsigned(job.rows);
    const std::int64_t threads = (job.count + 31) / 32 * 32;
    geometry.threads = unsigned(threads < kSampleThreads ? threads : kSampleThreads);
    geometry.sharedBytes = sizeof(SampleShared);
    return launchKernel(sampleKernel, geometry, stream, job);
}

std::uint64_t philox(std::uint64_t seed, std::uint64_t step, std::uint32_t stream)
{
    return philoxWords(seed, step, stream);
}

} // namespace ls::cuda
