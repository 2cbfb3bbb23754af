#include "engine/forward/linear.h"

#include "engine/forward/fused_workspace.h"
#include "engine/forward/kernel_pool.h"

#include "kernels/cpu/matvec.h"
#include "kernels/cpu/rms_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>

#include <c10/util/BFloat16.h>

#include <algorithm>

namespace ls {

namespace {

/// Our kernel, because a library call costs more than the arithmetic at batch 1.
at::Tensor projectRow(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    const std::int64_t rows = weight.size(0), cols = weight.size(1);
    at::Tensor y = at::empty({1, rows}, at::kFloat);
    const at::Tensor vector = x.to(at::kFloat).contiguous();
    const float* in = vector.data_ptr<float>();
    const float* add = bias.defined() ? bias.data_ptr<float>() : nullptr;
    float* out = y.data_ptr<float>();
    const bool isFloat = weight.scalar_type() == at::kFloat;
    constexpr std::int64_t kGrain = 32 * 1024; // multiplications below which a second thread costs more than it gains
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / cols), [&](std::int64_t begin, std::int64_t end) {
        if (isFloat)
            kernels::matvec(weight.data_ptr<float>(), in, out, begin, end, cols);
        else
            kernels::matvecBf16(reinterpret_cast<const std::uint16_t*>(weight.data_ptr<c10::BFloat16>()), in, out,
                                begin, end, cols);
        for (std::int64_t r = begin; add && r < end; ++r)
            out[r] += add[r];
    });
    return y;
}

/// Some rows at a time: a vocabulary as float32 can be larger than the model.
at::Tensor projectDecoded(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias)
{
    constexpr std::int64_t kRows = 4096;
    const at::Tensor in = x.to(at::kFloat);
    at::Tensor y = at::empty({x.size(0), weight.rows()}, at::kFloat);
    for (std::int64_t row = 0; row < weight.rows(); row += kRows) {
        const std::int64_t count = std::min(kRows, weight.rows() - row);
        y.narrow(1, row, count).copy_(at::linear(in, weight.denseRows(row, count)));
    }
    return bias.defined() ? y.add_(bias) : y;
}

} // namespace

at::Tensor project(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias)
{
    if (weight.native())
        return projectDecoded(x, weight, bias);
    if (x.size(0) == 1)
        return projectRow(x, weight.dense(), bias);
    const at::Tensor y = at::linear(x.to(weight.denseType()), weight.dense());
    return bias.defined() ? y.to(at::kFloat).add_(bias) : y;
}

at::Tensor projectOnKernels(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias)
{
    const kernels::Matrix matrix = weight.matrix();
    FusedWorkspace& space = FusedWorkspace::ofThread();
    at::Tensor y = at::empty({x.size(0), matrix.rows}, at::kFloat);
    space.set(kernelPool(), {matrix}, x.const_data_ptr<float>(), int(x.size(0)), matrix.cols);
    const kernels::Product product{&matrix, y.data_ptr<float>(), matrix.rows, false,
                                   bias.defined() ? bias.const_data_ptr<float>() : nullptr};
    kernels::multiply(kernelPool(), space.input, {&product, 1});
    return y;
}

at::Tensor normalise(const at::Tensor& x, const Norm& norm, const ModelConfig& config)
{
    if (!norm.weight.defined())
        return x;
    at::Tensor y = at::empty_like(x);
    const std::int64_t width = norm.weight.numel(), rows = x.numel() / width;
    const float* in = x.data_ptr<float>();
    const float* weight = norm.weight.data_ptr<float>();
    if (config.norm == NormKind::Rms) {
        kernels::rmsNorm(in, weight, y.data_ptr<float>(), rows, width, float(config.normEpsilon));
        return y;
    }
    const float* bias = norm.bias.defined() ? norm.bias.data_ptr<float>() : nullptr;
    kernels::layerNorm(in, weight, bias, y.data_ptr<float>(), rows, width, float(config.normEpsilon));
    return y;
}

} // namespace ls
