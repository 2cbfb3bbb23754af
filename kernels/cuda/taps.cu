#include "kernels/cuda/taps.h"

#include "kernels/cuda/launch_kernel.h"

namespace ls::cuda {

namespace {

constexpr int kThreads = 256;

LSK_KERNEL void LSK_BOUNDS(kThreads) reduceTapKernel(const TapReduction job)
{
    LSK_SHARED(shared);
    float* scratch = reinterpret_cast<float*>(shared);
    const float* x = job.x + blockX() * job.stride;
    float* out = job.out + blockX() * job.outStride;
    float sum = 0;
    for (std::int64_t c = threadId(); c < job.cols; c += kThreads)
        sum += x[c] * x[c];
    sum = blockSum(sum, scratch);
    if (threadId() == 0)
        out[0] = sqrtf(sum);
    for (int d = 0; d < job.directionCount; ++d) {
        const float* direction = job.directions + d * job.cols;
        sum = 0;
        for (std::int64_t c = threadId(); c < job.cols; c += kThreads)
            sum += x[c] * direction[c];
        sum = blockSum(sum, scratch);
        if (threadId() == 0)
            out[1 + d] = sum;
    }
}

struct RingArgs {
    Ring ring;
    std::int64_t offset;
    TapType type;
    const float* x;
    std::int64_t cols, stride;
    std::int64_t* step; ///< null: the step begins
};

LSK_DEVICE std::uint8_t* slotOf(const Ring& ring)
{
    return ring.memory + *ring.step % ring.count * ring.slotBytes;
}

LSK_KERNEL void LSK_BOUNDS(32) markStepKernel(const RingArgs args)
{
    if (threadId() != 0)
        return;
    auto* header = reinterpret_cast<RingHeader*>(slotOf(args.ring));
    const std::int64_t number = *args.ring.step + 1;
    fenceSystem(); // taps before the mark, or the mark before taps
    if (args.step) {
        header->finished = number;
        *args.step = number;
    } else {
        header->begun = number;
    }
    fenceSystem();
}

LSK_KERNEL void LSK_BOUNDS(kThreads) copyTapKernel(const RingArgs args)
{
    std::uint8_t* target = slotOf(args.ring) + args.offset;
    const float* x = args.x + blockX() * args.stride;
    for (std::int64_t c = threadId(); c < args.cols; c += kThreads) {
        const std::int64_t at = blockX() * args.cols + c;
        if (args.type == TapType::F32)
            reinterpret_cast<float*>(target)[at] = x[c];
        else
            reinterpret_cast<std::uint16_t*>(target)[at] = floatToBfloatBits(x[c]);
    }
}

bool isRing(const Ring& ring)
{
    return ring.count > 0 && ring.slotBytes >= std::int64_t(sizeof(RingHeader)) && ring.slotBytes % 16 == 0 &&
           ring.step;
}

Launch launchMark(const Ring& ring, std::int64_t* step, Stream stream)
{
    if (!isRing(ring))
        return Launch::BadShape;
    if (!aligned(ring.memory, 16))
        return Launch::Unaligned;
    Geometry geometry;
    geometry.threads = 32;
    return launchKernel(markStepKernel, geometry, stream, RingArgs{ring, 0, TapType::F32, nullptr, 0, 0, step});
}

} // namespace

Launch reduceTap(const TapReduction& job, Stream stream)
{
    if (job.tokens < 0 || job.cols < 0 || job.directionCount < 0 || (job.directionCount > 0 && !job.directions) ||
        (job.tokens > 1 && job.outStride < 1 + job.directionCount))
        return Launch::BadShape;
    if (job.tokens == 0)
        return Launch::Ok;
    Geometry geometry;
    geometry.gridX = unsigned(job.tokens);
    geometry.threads = kThreads;
    geometry.sharedBytes = 128;
    return launchKernel(reduceTapKernel, geometry, stream, job);
}

Launch beginStep(const Ring& ring, Stream stream)
{
    return launchMark(ring, nullptr, stream);
}

Launch copyTap(const Ring& ring, std::int64_t offset, TapType type, const float* x, int tokens, std::int64_t cols,
               std::int64_t stride, Stream stream)
{
    const std::int64_t bytes = std::int64_t(tokens) * cols * (type == TapType::F32 ? 4 : 2);
    if (!isRing(ring) || tokens < 0 || cols < 0 || offset < std::int64_t(sizeof(RingHeader)) || offset % 4 != 0 ||
        offset + bytes > ring.slotBytes)
        return Launch::BadShape;
    if (!aligned(ring.memory, 16))
        return Launch::Unaligned;
    if (tokens == 0 || cols == 0)
        return Launch::Ok;
    Geometry geometry;
    geometry.gridX = unsigned(tokens);
    geometry.threads = kThreads;
    return launchKernel(copyTapKernel, geometry, stream, RingArgs{ring, offset, type, x, cols, stride, nullptr});
}

Launch finishStep(const Ring& ring, std::int64_t* step, Stream stream)
{
    return step ? launchMark(ring, step, stream) : Launch::BadShape;
}

} // namespace ls::cuda
