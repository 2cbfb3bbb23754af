#include "engine/certify/exact_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

namespace ls {

namespace {

at::Tensor wide(const at::Tensor& x)
{
    return x.to(at::kDouble);
}

/// x W^T + b.
at::Tensor affine(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias)
{
    at::Tensor y = at::matmul(x, wide(weight.dense()).transpose(0, 1));
    return bias.defined() ? y.add_(wide(bias)) : y;
}

/// Pairs (j, j + half) of the first dimensions of a head turn by position * frequency; the rest stays.
at::Tensor rotated(const at::Tensor& x, const RotaryTable& table)
{
    const std::vector<double> frequencies(table.frequencies.begin(), table.frequencies.end());
    const auto half = std::int64_t(frequencies.size()), n = x.size(0), width = x.size(2);
    const at::Tensor angles = at::outer(at::arange(n, at::kDouble), at::tensor(frequencies, at::kDouble)).unsqueeze(1);
    const at::Tensor cosine = angles.cos().mul(double(table.magnitude)),
                     sine = angles.sin().mul(double(table.magnitude));
    const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * cosine - b * sine, b * cosine + a * sine, x.narrow(2, 2 * half, width - 2 * half)}, 2);
}

/// True where query i may not see key j.
at::Tensor hidden(std::int64_t n, int window)
{
    const at::Tensor positions = at::arange(n, at::kLong);
    const at::Tensor distance = positions.unsqueeze(1) - positions.unsqueeze(0);
    at::Tensor out = distance.lt(0);
    return window > 0 ? out.logical_or(distance.ge(window)) : out;
}

WeightMatrix expertOf(const WeightMatrix& stack, std::int64_t index)
{
    return stack.defined() ? stack.expert(index) : WeightMatrix();
}

at::Tensor biasOf(const at::Tensor& stack, std::int64_t index)
{
    return stack.defined() ? stack.select(0, index) : at::Tensor();
}

} // namespace

ExactForward::ExactForward(const Model& model, std::span<const std::int32_t> ids, Visit visit)
    : m_model(model)
    , m_config(model.config())
    , m_ids(ids.begin(), ids.end())
    , m_visit(std::move(visit))
{
}

at::Tensor ExactForward::norm(const at::Tensor& x, const Norm& norm) const
{
    if (!norm.weight.defined())
        return x;
    at::Tensor rows = x.reshape({-1, norm.weight.numel()});
    if (m_config.norm == NormKind::Layer)
        rows = rows - rows.mean(at::IntArrayRef{1}, true);
    rows = rows * at::rsqrt((rows * rows).mean(at::IntArrayRef{1}, true).add(m_config.normEpsilon)) * wide(norm.weight);
    if (norm.bias.defined())
        rows = rows + wide(norm.bias);
    return rows.view(x.sizes());
}

void ExactForward::embed()
{
    const Weights& weights = m_model.weights();
    m_stream = wide(weights.embedding.rowsAt(at::tensor(m_ids, at::kLong))).mul(m_config.embeddingScale);
    if (weights.positions.defined())
        m_stream = m_stream + wide(weights.positions.narrow(0, 0, m_stream.size(0)));
    m_visit({Site::Embed, -1}, m_stream);
}

void ExactForward::setStream(const at::Tensor& stream)
{
    m_stream = wide(stream);
}

at::Tensor ExactForward::attention(int layer)
{
    const BlockWeights& w = m_model.weights().blocks[std::size_t(layer)];
    const LayerConfig& kind = m_config.layers[std::size_t(layer)];
    const std::int64_t n = m_stream.size(0), heads = m_config.headCount, kvHeads = m_config.kvHeadCount;
    const at::Tensor h = norm(m_stream, w.attnNorm);
    m_visit({Site::AttnNorm, layer}, h);
    const auto heading = [&](const WeightMatrix& weight, const at::Tensor& bias, const Norm& headNorm,
                             std::int64_t count) {
        const at::Tensor x = norm(affine(h, weight, bias), headNorm).view({n, count, m_config.headWidth});
        return kind.rotary < 0 ? x : rotated(x, m_config.rotaries[std::size_t(kind.rotary)]);
    };
    const at::Tensor q = heading(w.wq, w.bq, w.qNorm, heads), k = heading(w.wk, w.bk, w.kNorm, kvHeads);
    const at::Tensor v = affine(h, w.wv, w.bv).view({n, kvHeads, m_config.headWidth});
    m_visit({Site::AttnQ, layer}, q);
    m_visit({Site::AttnK, layer}, k);
    m_visit({Site::AttnV, layer}, v);
    const auto perQueryHead = [&](const at::Tensor& x) { // [heads, n, d_head]
        return x.repeat_interleave(heads / kvHeads, 1).transpose(0, 1);
    };
    at::Tensor scores = at::bmm(q.transpose(0, 1), perQueryHead(k).transpose(1, 2)).mul(m_config.attentionScale);
    if (m_config.scoreCap > 0)
        scores = scores.div(m_config.scoreCap).tanh().mul(m_config.scoreCap);
    scores = scores.masked_fill(hidden(n, kind.window).unsqueeze(0), -std::numeric_limits<double>::infinity());
    if (w.sinks.defined()) // a column that belongs to no key
        scores = at::cat({scores, wide(w.sinks).view({heads, 1, 1}).expand({heads, n, 1})}, 2);
    const at::Tensor pattern = at::softmax(scores, -1).narrow(2, 0, n);
    m_visit({Site::AttnPattern, layer}, pattern);
    const at::Tensor z = at::bmm(pattern, perQueryHead(v)).transpose(0, 1).contiguous();
    m_visit({Site::AttnZ, layer}, z);
    return affine(z.view({n, heads * m_config.headWidth}), w.wo, w.bo);
}

at::Tensor ExactForward::expert(const at::Tensor& x, const WeightMatrix& gate, const WeightMatrix& up,
                                const WeightMatrix& down, const at::Tensor& gateBias, const at::Tensor& upBias,
                                const at::Tensor& downBias, int layer) const
{
    const at::Tensor first = m_config.gated ? affine(x, gate, gateBias) : affine(x, up, upBias);
    at::Tensor act;
    switch (m_config.activation) {
    case Activation::Silu:
        act = first * at::sigmoid(first);
        break;
    case Activation::Gelu:
        act = at::gelu(first);
        break;
    case Activation::GeluTanh:
        act = at::gelu(first, "tanh");
        break;
    case Activation::ClampedSwiglu: {
        const at::Tensor g = at::clamp_max(first, m_config.swigluLimit);
        const at::Tensor u = at::clamp(affine(x, up, upBias), -m_config.swigluLimit, m_config.swigluLimit);
        act = g * at::sigmoid(g * m_config.swigluAlpha) * (u + 1.0);
        break;
    }
    }
    if (m_config.gated && m_config.activation != Activation::ClampedSwiglu)
        act = act * affine(x, up, upBias);
    if (layer >= 0) {
        m_visit({Site::MlpPre, layer}, first);
        m_visit({Site::MlpAct, layer}, act);
    }
    return affine(act, down, downBias);
}

at::Tensor ExactForward::mixture(const at::Tensor& h, int layer) const
{
    const BlockWeights& w = m_model.weights().blocks[std::size_t(layer)];
    const at::Tensor shares = at::softmax(affine(h, w.router, w.routerBias), -1);
    std::vector<at::Tensor> rows;
    for (std::int64_t i = 0; i < h.size(0); ++i) { // a position at a time: no gathering to get wrong
        auto [weights, chosen] = at::topk(shares.select(0, i), m_config.expertsUsed);
        if (m_config.renormaliseExperts)
            weights = weights / weights.sum();
        at::Tensor row = at::zeros_like(h.narrow(0, i, 1));
        for (std::int64_t e = 0; e < m_config.expertsUsed; ++e) {
            const auto index = chosen[e].item<std::int64_t>();
            const at::Tensor out =
                expert(h.narrow(0, i, 1), expertOf(w.wGate, index), expertOf(w.wUp, index), expertOf(w.wDown, index),
                       biasOf(w.bGate, index), biasOf(w.bUp, index), biasOf(w.bDown, index), -1);
            row = row + out * weights[e];
        }
        rows.push_back(row);
    }
    return at::cat(rows);
}

at::Tensor ExactForward::mlp(int layer)
{
    const BlockWeights& w = m_model.weights().blocks[std::size_t(layer)];
    const at::Tensor h = norm(m_stream, w.mlpNorm);
    m_visit({Site::MlpNorm, layer}, h);
    return m_config.expertCount > 0 ? mixture(h, layer)
                                    : expert(h, w.wGate, w.wUp, w.wDown, w.bGate, w.bUp, w.bDown, layer);
}

void ExactForward::block(int layer)
{
    const BlockWeights& w = m_model.weights().blocks[std::size_t(layer)];
    m_visit({Site::ResidPre, layer}, m_stream);
    const at::Tensor attn = norm(attention(layer), w.attnPostNorm).mul(m_config.residualScale);
    m_visit({Site::AttnOut, layer}, attn);
    if (!m_config.parallelResidual) {
        m_stream = m_stream + attn;
        m_visit({Site::ResidMid, layer}, m_stream);
    }
    const at::Tensor added = norm(mlp(layer), w.mlpPostNorm).mul(m_config.residualScale);
    m_visit({Site::MlpOut, layer}, added);
    m_stream = m_config.parallelResidual ? m_stream + attn + added : m_stream + added;
    m_visit({Site::ResidPost, layer}, m_stream);
}

at::Tensor ExactForward::logits(int first)
{
    const at::Tensor normed = norm(m_stream, m_model.weights().finalNorm);
    m_visit({Site::FinalNorm, -1}, normed);
    const at::Tensor rows = normed.narrow(0, first, normed.size(0) - first);
    const WeightMatrix& unembedding = m_model.weights().unembedding;
    std::vector<at::Tensor> parts;
    constexpr std::int64_t kRows = 8192; // a whole vocabulary in float64 can be larger than the model
    for (std::int64_t at = 0; at < unembedding.rows(); at += kRows)
        parts.push_back(affine(rows, unembedding.denseRows(at, std::min(kRows, unembedding.rows() - at)), {}));
    at::Tensor out = at::cat(parts, 1).div(m_config.logitDivisor);
    if (m_config.logitCap > 0)
        out = out.div(m_config.logitCap).tanh().mul(m_config.logitCap);
    return out;
}

} // namespace ls
