#include "kernels/cuda/elementwise.h"

#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/block_values.cuh"
#include "kernels/cuda/launch_kernel.h"

#include <cmath>

namespace ls::cuda {

namespace {

constexpr int kThreads = 256;

LSK_DEVICE std::int64_t globalThread()
{
    return std::int64_t(blockX()) * kThreads + threadId();
}

Geometry geometryFor(std::int64_t count)
{
    Geometry geometry;
    const std::int64_t blocks = (count + kThreads - 1) / kThreads, most = 8 * std::int64_t(deviceBlocks());
    geometry.gridX = unsigned(blocks < most ? blocks : most);
    geometry.threads = kThreads;
    return geometry;
}
Geometry blockForEach(int rows)
{
    Geometry geometry;
    geometry.gridX = unsigned(rows);
    geometry.threads = kThreads;
    geometry.sharedBytes = 128;
    return geometry;
}

LSK_KERNEL void LSK_BOUNDS(kThreads) normRowsKernel(const NormRows job)
{
    LSK_SHARED(shared);
    const float* x = job.x + blockX() * job.xStride;
    float* y = job.y + blockX() * job.yStride;
    const float scale = normScale(x, job.cols, job.epsilon, reinterpret_cast<float*>(shared));
    for (std::int64_t c = threadId(); c < job.cols; c += kThreads) {
        const float value = x[c] * scale * job.weight[c];
        y[c] = job.add ? y[c] + value : value;
    }
}

struct ValuesArgs {
    const float *a, *b;
    float* y;
    std::int64_t count;
    float factor;
    kernels::Gate kind;
};

LSK_KERNEL void LSK_BOUNDS(kThreads) gateKernel(const ValuesArgs args)
{
    for (std::int64_t i = globalThread(); i < args.count; i += std::int64_t(gridX()) * kThreads)
        args.y[i] = activated(args.kind, args.a[i]) * (args.b ? args.b[i] : 1.0f);
}
LSK_KERNEL void LSK_BOUNDS(kThreads) addKernel(const ValuesArgs args)
{
    for (std::int64_t i = globalThread(); i < args.count; i += std::int64_t(gridX()) * kThreads)
        args.y[i] += args.factor * args.a[i];
}
LSK_KERNEL void LSK_BOUNDS(kThreads) scaleKernel(const ValuesArgs args)
{
    for (std::int64_t i = globalThread(); i < args.count; i += std::int64_t(gridX()) * kThreads)
        args.y[i] *= args.factor;
}
LSK_KERNEL void LSK_BOUNDS(kThreads) capKernel(const ValuesArgs args)
{
    for (std::int64_t i = globalThread(); i < args.count; i += std::int64_t(gridX()) * kThreads)
        args.y[i] = args.factor * tanhf(args.y[i] / args.factor);
}

struct RowsArgs {
    const float* vector;
    float* y;
    std::int64_t cols, stride;
    const std::int32_t *position, *range;
};

LSK_KERNEL void LSK_BOUNDS(kThreads) addToRowsKernel(const RowsArgs args)
{
    const std::int32_t position = args.range ? *args.position + std::int32_t(blockX()) : 0;
    if (args.range && (position < args.range[0] || position >= args.range[1]))
        return;
    float* y = args.y + blockX() * args.stride;
    for (std::int64_t c = threadId(); c < args.cols; c += kThreads)
        y[c] += args.vector[c];
}
LSK_KERNEL void LSK_BOUNDS(kThreads) removeDirectionKernel(const RowsArgs args)
{
    LSK_SHARED(shared);
    float* y = args.y + blockX() * args.stride;
    float sum = 0;
    for (std::int64_t c = threadId(); c < args.cols; c += kThreads)
        sum += y[c] * args.vector[c];
    sum = blockSum(sum, reinterpret_cast<float*>(shared));
    for (std::int64_t c = threadId(); c < args.cols; c += kThreads)
        y[c] -= sum * args.vector[c];
}

struct DecodeRowsArgs {
    DecodeRows job;
    int values, bytes; ///< of a block
};

LSK_KERNEL void LSK_BOUNDS(kThreads) decodeRowsKernel(const DecodeRowsArgs args)
{
    const DecodeRows& job = args.job;
    const std::int64_t row = job.ids ? job.ids[blockX()] : std::int64_t(blockX());
    const bool exists = row >= 0 && row < job.rowCount;
    const std::uint8_t* bytes = job.rows + (exists ? row : 0) * (job.cols / args.values * args.bytes);
    for (std::int64_t c = threadId(); c < job.cols; c += kThreads) {
        const float value =
            exists ? job.scale * blockValue(job.format, bytes + c / args.values * args.bytes, int(c % args.values))
                   : NAN;
        const std::int64_t at = blockX() * job.outStride + c;
        if (job.bfloats)
            job.bfloats[at] = floatToBfloatBits(value);
        else
            job.out[at] = value;
    }
}

struct BfloatArgs {
    const float* x;
    std::uint16_t* out;
    std::int64_t count;
};
LSK_KERNEL void LSK_BOUNDS(kThreads) bfloatKernel(const BfloatArgs args)
{
    for (std::int64_t i = globalThread(); i < args.count; i += std::int64_t(gridX()) * kThreads)
        args.out[i] = floatToBfloatBits(args.x[i]);
}

LSK_KERNEL void LSK_BOUNDS(32) endStepKernel(const StepEnd job)
{
    for (int layer = int(threadId()); layer < job.layers; layer += 32)
        job.lengths[layer] += job.grows[layer] * job.tokens;
    if (threadId() != 0)
        return;
    *job.position += job.tokens;
    if (job.step)
        ++*job.step;
    if (job.drawn)
        job.history[(*job.historyCount)++ % job.historySize] = *job.drawn;
}

Launch launchValues(void (*kernel)(ValuesArgs), const ValuesArgs& args, Stream stream)
{
    if (args.count < 0)
        return Launch::BadShape;
    return args.count == 0 ? Launch::Ok : launchKernel(kernel, geometryFor(args.count), stream, args);
}

} // namespace

Launch normRows(const NormRows& job, Stream stream)
{
    if (job.tokens < 0 || job.cols <= 0)
        return Launch::BadShape;
    return job.tokens == 0 ? Launch::Ok : launchKernel(normRowsKernel, blockForEach(job.tokens), stream, job);
}

Launch gateValues(kernels::Gate kind, const float* gate, const float* up, float* y, std::int64_t count, Stream stream)
{
    return launchValues(gateKernel, {gate, up, y, count, 1.0f, kind}, stream);
}

Launch addValues(const float* x, float factor, float* y, std::int64_t count, Stream stream)
{
    return launchValues(addKernel, {x, nullptr, y, count, factor, kernels::Gate::Silu}, stream);
}

Launch scaleValues(float factor, float* x, std::int64_t count, Stream stream)
{
    return launchValues(scaleKernel, {nullptr, nullptr, x, count, factor, kernels::Gate::Silu}, stream);
}

Launch capValues(float cap, float* x, std::int64_t count, Stream stream)
{
    if (!(cap > 0))
        return Launch::BadShape;
    return launchValues(capKernel, {nullptr, nullptr, x, count, cap, kernels::Gate::Silu}, stream);
}

Launch addToRows(const float* vector, float* y, int tokens, std::int64_t cols, std::int64_t stride,
                 const std::int32_t* position, const std::int32_t* range, Stream stream)
{
    if (tokens < 0 || cols < 0 || (range && !position))
        return Launch::BadShape;
    if (tokens == 0 || cols == 0)
        return Launch::Ok;
    return launchKernel(addToRowsKernel, blockForEach(tokens), stream,
                        RowsArgs{vector, y, cols, stride, position, range});
}

Launch removeDirection(const float* unit, float* x, int tokens, std::int64_t cols, std::int64_t stride, Stream stream)
{
    if (tokens < 0 || cols < 0)
        return Launch::BadShape;
    if (tokens == 0 || cols == 0)
        return Launch::Ok;
    return launchKernel(removeDirectionKernel, blockForEach(tokens), stream,
                        RowsArgs{unit, x, cols, stride, nullptr, nullptr});
}

Launch decodeRows(const DecodeRows& job, Stream stream)
{
    const FormatSize size = formatSize(job.format);
    if (size.values == 0)
        return Launch::Unsupported;
    if (job.count < 0 || job.cols <= 0 || job.rowCount < 0 || job.cols % size.values != 0 ||
        (!job.ids && job.count > job.rowCount))
        return Launch::BadShape;
    if (!aligned(job.rows, std::size_t(size.alignment)))
        return Launch::Unaligned;
    return job.count == 0 ? Launch::Ok
                          : launchKernel(decodeRowsKernel, blockForEach(job.count), stream,
                                         DecodeRowsArgs{job, size.values, size.bytes});
}

Launch toBfloats(const float* x, std::uint16_t* out, std::int64_t count, Stream stream)
{
    if (count < 0)
        return Launch::BadShape;
    return count == 0 ? Launch::Ok : launchKernel(bfloatKernel, geometryFor(count), stream, BfloatArgs{x, out, count});
}

Launch endStep(const StepEnd& job, Stream stream)
{
    if (job.tokens < 0 || job.layers < 0 || (job.drawn && job.historySize < 1))
        return Launch::BadShape;
    Geometry geometry;
    geometry.threads = 32;
    return launchKernel(endStepKernel, geometry, stream, job);
}

} // namespace ls::cuda
