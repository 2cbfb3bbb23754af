#include "engine/forward/fused_workspace.h"

#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/worker_pool.h"

#include <algorithm>

namespace ls {

namespace {

/// The formats that an input is read in; at most three matrices read one.
struct Formats {
    explicit Formats(std::initializer_list<kernels::Matrix> readers)
    {
        for (const kernels::Matrix& matrix : readers)
            values[count++] = matrix.format;
    }
    std::span<const kernels::WeightFormat> span() const { return {values, count}; }
    kernels::WeightFormat values[4];
    std::size_t count = 0;
};

} // namespace

FusedWorkspace& FusedWorkspace::ofThread()
{
    static thread_local FusedWorkspace workspace;
    return workspace;
}

void FusedWorkspace::normalise(kernels::WorkerPool& pool, const ModelConfig& config, const Norm& norm, const float* x,
                               std::int64_t rows, std::int64_t width, float* y)
{
    if (!norm.weight.defined()) {
        if (x != y)
            std::copy_n(x, rows * width, y);
        return;
    }
    const float* weight = norm.weight.const_data_ptr<float>();
    const float* bias = norm.bias.defined() ? norm.bias.const_data_ptr<float>() : nullptr;
    const auto epsilon = float(config.normEpsilon);
    const std::int64_t grain = std::max<std::int64_t>(1, 16 * 1024 / width);
    pool.forRange(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
        if (config.norm == NormKind::Layer)
            return kernels::layerNorm(x + begin * width, weight, bias, y + begin * width, end - begin, width, epsilon);
        for (std::int64_t r = begin; r < end; ++r)
            kernels::kernelTable().rmsNorm(x + r * width, weight, y + r * width, width, epsilon);
    });
}

void FusedWorkspace::set(kernels::WorkerPool& pool, std::initializer_list<kernels::Matrix> readers, const float* x,
                         int n, std::int64_t width)
{
    input.set(pool, Formats(readers).span(), x, n, width, width);
}

const float* FusedWorkspace::setNormed(kernels::WorkerPool& pool, const ModelConfig& config,
                                       std::initializer_list<kernels::Matrix> readers, const Norm& norm, const float* x,
                                       int n, std::int64_t width, bool wanted)
{
    const bool fused = norm.weight.defined() && config.norm == NormKind::Rms && readers.size() > 0;
    float* rows = wanted || !fused ? normed.reserve(n * width) : nullptr;
    if (fused) {
        const kernels::Norm fusedNorm{norm.weight.const_data_ptr<float>(), float(config.normEpsilon)};
        input.set(pool, Formats(readers).span(), x, n, width, width, &fusedNorm, rows);
        return rows;
    }
    normalise(pool, config, norm, x, n, width, rows);
    if (readers.size() > 0)
        set(pool, readers, rows, n, width);
    return rows;
}

} // namespace ls
