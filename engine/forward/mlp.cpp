#include "engine/forward/mlp.h"

#include "engine/forward/linear.h"

#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

namespace ls {

namespace {

/// The matrices of one expert, or of the only MLP.
struct Matrices {
    WeightMatrix gate, up, down;
    at::Tensor gateBias, upBias, downBias;
};

at::Tensor activated(const at::Tensor& x, Activation activation)
{
    switch (activation) {
    case Activation::Gelu:
        return at::gelu(x);
    case Activation::GeluTanh:
        return at::gelu(x, "tanh");
    default:
        return at::silu(x);
    }
}

at::Tensor runOne(const at::Tensor& h, const Matrices& m, const ModelConfig& config, ForwardPath path,
                  const MlpTap& tap)
{
    const auto project = path == ForwardPath::Fused ? projectOnKernels : ls::project;
    const at::Tensor pre = project(h, config.gated ? m.gate : m.up, config.gated ? m.gateBias : m.upBias);
    at::Tensor act;
    if (config.activation == Activation::ClampedSwiglu) {
        const at::Tensor gate = at::clamp_max(pre, config.swigluLimit);
        const at::Tensor up = at::clamp(project(h, m.up, m.upBias), -config.swigluLimit, config.swigluLimit);
        act = at::sigmoid(gate.mul(config.swigluAlpha)).mul_(gate).mul_(up.add_(1.0));
    } else {
        act = activated(pre, config.activation);
        if (config.gated)
            act.mul_(project(h, m.up, m.upBias));
    }
    if (tap)
        tap(pre, act);
    return project(act, m.down, m.downBias).to(at::kFloat);
}

Matrices expertOf(const BlockWeights& w, std::int64_t expert)
{
    const auto matrix = [&](const WeightMatrix& stack) {
        return stack.defined() ? stack.expert(expert) : WeightMatrix();
    };
    const auto bias = [&](const at::Tensor& stack) { return stack.defined() ? stack.select(0, expert) : at::Tensor(); };
    return {matrix(w.wGate), matrix(w.wUp), matrix(w.wDown), bias(w.bGate), bias(w.bUp), bias(w.bDown)};
}

at::Tensor runMixture(const at::Tensor& h, const BlockWeights& w, const ModelConfig& config, ForwardPath path)
{
    const at::Tensor probabilities = at::softmax(project(h, w.router, w.routerBias).to(at::kFloat), -1);
    auto [weights, chosen] = at::topk(probabilities, config.expertsUsed, -1);
    if (config.renormaliseExperts)
        weights = weights.div(weights.sum(at::IntArrayRef{-1}, true));
    weights = weights.contiguous();
    chosen = chosen.contiguous();
    at::Tensor out = at::zeros({h.size(0), h.size(1)}, at::kFloat);
    const std::int64_t* experts = chosen.data_ptr<std::int64_t>();
    const float* shares = weights.data_ptr<float>();
    std::vector<std::int64_t> rows;
    std::vector<float> scales;
    for (std::int64_t expert = 0; expert < config.expertCount; ++expert) {
        rows.clear();
        scales.clear();
        for (std::int64_t i = 0; i < chosen.numel(); ++i)
            if (experts[i] == expert) {
                rows.push_back(i / config.expertsUsed);
                scales.push_back(shares[i]);
            }
        if (rows.empty())
            continue;
        if (h.size(0) == 1) { // decode: nothing to gather
            out.add_(runOne(h, expertOf(w, expert), config, path, {}), scales[0]);
            continue;
        }
        const at::Tensor index = at::tensor(rows, at::kLong);
        const at::Tensor result = runOne(h.index_select(0, index), expertOf(w, expert), config, path, {});
        out.index_add_(0, index, result.mul(at::tensor(scales, at::kFloat).unsqueeze(1)));
    }
    return out;
}

} // namespace

at::Tensor runMlp(const at::Tensor& h, const BlockWeights& w, const ModelConfig& config, ForwardPath path,
                  const MlpTap& tap)
{
    if (config.expertCount > 0)
        return runMixture(h, w, config, path);
    return runOne(h, {w.wGate, w.wUp, w.wDown, w.bGate, w.bUp, w.bDown}, config, path, tap);
}

} // namespace ls
