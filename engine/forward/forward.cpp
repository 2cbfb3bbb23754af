#include "engine/forward/forward.h"

#include "engine/forward/attention.h"
#include "kernels/cpu/matvec.h"
#include "kernels/cpu/rms_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros_like.h>

#include <c10/util/BFloat16.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

/// Positions of one pass. Longer prompts run in pieces, so that scores stay small and a cancel acts soon.
constexpr std::size_t kChunk = 512;

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon)
{
    at::Tensor y = at::empty_like(x);
    kernels::rmsNorm(x.data_ptr<float>(), weight.data_ptr<float>(), y.data_ptr<float>(), x.size(0), x.size(1),
                     float(epsilon));
    return y;
}

/// One row times W^T: our kernel, because a library call costs more than the arithmetic at batch 1. The vector stays
/// float32 whatever the weights are.
at::Tensor projectRow(const at::Tensor& x, const at::Tensor& weight)
{
    const std::int64_t rows = weight.size(0), cols = weight.size(1);
    at::Tensor y = at::empty({1, rows}, at::kFloat);
    const at::Tensor vector = x.to(at::kFloat).contiguous();
    const float* in = vector.data_ptr<float>();
    float* out = y.data_ptr<float>();
    const bool isFloat = weight.scalar_type() == at::kFloat;
    constexpr std::int64_t kGrain = 32 * 1024; // multiplications below which a second thread costs more than it gains
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / cols), [&](std::int64_t begin, std::int64_t end) {
        if (isFloat)
            kernels::matvec(weight.data_ptr<float>(), in, out, begin, end, cols);
        else
            kernels::matvecBf16(reinterpret_cast<const std::uint16_t*>(weight.data_ptr<c10::BFloat16>()), in, out,
                                begin, end, cols);
    });
    return y;
}

/// x W^T in the weights' dtype; the stream around it stays float32.
at::Tensor project(const at::Tensor& x, const at::Tensor& weight)
{
    if (x.size(0) == 1)
        return projectRow(x, weight);
    return at::linear(x.to(weight.scalar_type()), weight);
}

bool finite(const at::Tensor& x)
{
    const float* values = x.data_ptr<float>();
    bool good = true; // no early exit: the loop then runs on vectors
    for (std::int64_t i = 0; i < x.numel(); ++i)
        good &= std::abs(values[i]) <= std::numeric_limits<float>::max();
    return good;
}

} // namespace

struct Forward::Step {
    at::Tensor stream; // [n, d] float32
    int first = 0;
    int n = 0;
    int promptLength = 0;
    TapSink* taps = nullptr;

    bool wants(Site site, int layer) const { return taps && taps->wants({site, layer}); }
    void tap(Site site, int layer, const at::Tensor& value) const
    {
        if (wants(site, layer))
            taps->onTap({site, layer}, value, first);
    }
};

Forward::Forward(PlanPtr plan)
    : m_plan(std::move(plan))
{
}

void Forward::growRotaryTables(int length)
{
    const int known = m_cosines.defined() ? int(m_cosines.size(0)) : 0;
    if (length <= known)
        return;
    const ModelConfig& config = m_plan->model().config();
    const int rows = std::max(length, 2 * known), half = config.rotaryWidth / 2;
    m_cosines = at::empty({rows, half}, at::kFloat);
    m_sines = at::empty({rows, half}, at::kFloat);
    for (int j = 0; j < half; ++j) {
        // float32 throughout, as the reference: the product of position and frequency is rounded there too
        const float frequency = 1.0f / std::pow(float(config.rotaryBase), float(2 * j) / float(config.rotaryWidth));
        for (int p = 0; p < rows; ++p) {
            const float angle = float(p) * frequency;
            m_cosines.data_ptr<float>()[p * half + j] = std::cos(angle);
            m_sines.data_ptr<float>()[p * half + j] = std::sin(angle);
        }
    }
}

void Forward::edit(const std::vector<SiteEdit>& edits, at::Tensor& value, const Step& step) const
{
    for (const SiteEdit& site : edits) {
        if (const auto* projection = std::get_if<Projection>(&site.what)) {
            value = value.sub(at::outer(at::matmul(value, projection->unit), projection->unit));
            continue;
        }
        const auto& addition = std::get<Addition>(site.what);
        int begin = 0, end = step.n; // rows of this chunk
        switch (addition.mask.kind) {
        case TokenMask::Kind::Prompt:
            end = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        case TokenMask::Kind::Generated:
            begin = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        case TokenMask::Kind::LastPrompt:
            begin = std::clamp(step.promptLength - 1 - step.first, 0, step.n);
            end = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        default:
            break; // All; classes of tokens are refused when the plan is made
        }
        if (begin >= end)
            continue;
        value = value.clone(); // a tap may hold the storage
        value.narrow(0, begin, end - begin).add_(addition.vector);
    }
}

at::Tensor Forward::attentionBranch(Step& step, int layer, KvCache& cache)
{
    const ModelConfig& config = m_plan->model().config();
    const BlockPlan& block = m_plan->blocks()[std::size_t(layer)];
    const BlockWeights& weights = *block.weights;
    const at::Tensor h = rmsNorm(step.stream, weights.attnNorm, config.normEpsilon);
    step.tap(Site::AttnNorm, layer, h);
    const auto rotated = [&](const at::Tensor& weight, int heads) {
        at::Tensor x = project(h, weight).to(at::kFloat).view({step.n, heads, config.headWidth});
        const std::int64_t offset = std::int64_t(step.first) * (config.rotaryWidth / 2);
        kernels::rotate(x.data_ptr<float>(), m_cosines.data_ptr<float>() + offset, m_sines.data_ptr<float>() + offset,
                        step.n, heads, config.headWidth, config.rotaryWidth);
        return x.to(weight.scalar_type());
    };
    AttentionInput input;
    input.q = rotated(weights.wq, config.headCount);
    const at::Tensor k = rotated(weights.wk, config.kvHeadCount);
    const at::Tensor v =
        project(h, weights.wv).to(weights.wv.scalar_type()).view({step.n, config.kvHeadCount, config.headWidth});
    step.tap(Site::AttnQ, layer, input.q);
    step.tap(Site::AttnK, layer, k);
    step.tap(Site::AttnV, layer, v);
    cache.append(layer, k, v, step.first);
    input.k = cache.keys(layer);
    input.v = cache.values(layer);
    input.positions = cache.positions(layer);
    input.firstPosition = step.first;
    input.promptLength = step.promptLength;
    input.scale = 1.0 / std::sqrt(double(config.headWidth));
    input.wantScores = step.wants(Site::AttnScores, layer);
    input.wantPattern = step.wants(Site::AttnPattern, layer);
    AttentionOutput out = attend(block.attention, input);
    if (out.scores.defined())
        step.tap(Site::AttnScores, layer, out.scores);
    if (out.pattern.defined())
        step.tap(Site::AttnPattern, layer, out.pattern);
    at::Tensor z = out.z.contiguous();
    for (const int head : block.zeroedHeads)
        z.select(1, head).zero_();
    step.tap(Site::AttnZ, layer, z);
    return project(z.view({step.n, config.headCount * config.headWidth}), weights.wo).to(at::kFloat);
}

at::Tensor Forward::mlpBranch(Step& step, int layer)
{
    const BlockWeights& weights = *m_plan->blocks()[std::size_t(layer)].weights;
    const at::Tensor h = rmsNorm(step.stream, weights.mlpNorm, m_plan->model().config().normEpsilon);
    step.tap(Site::MlpNorm, layer, h);
    const at::Tensor gate = project(h, weights.wGate);
    step.tap(Site::MlpPre, layer, gate);
    const at::Tensor act = at::silu(gate).mul_(project(h, weights.wUp));
    step.tap(Site::MlpAct, layer, act);
    return project(act, weights.wDown).to(at::kFloat);
}

Status Forward::runChunk(const ForwardInput& input, std::span<const std::int32_t> ids, KvCache& cache, bool checkBlocks,
                         std::vector<at::Tensor>& logits)
{
    const Model& model = m_plan->model();
    const Weights& weights = model.weights();
    Step step{{}, cache.length(), int(ids.size()), input.promptLength, input.taps};
    growRotaryTables(step.first + step.n);
    const at::Tensor index = at::from_blob(const_cast<std::int32_t*>(ids.data()), {step.n}, at::kInt);
    step.stream = at::embedding(weights.embedding, index).to(at::kFloat);
    step.tap(Site::Embed, -1, step.stream);
    for (int layer = 0; layer < int(m_plan->blocks().size()); ++layer) {
        if (input.interrupted && step.n > 1 && input.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        const BlockPlan& block = m_plan->blocks()[std::size_t(layer)];
        edit(block.residPreEdits, step.stream, step);
        step.tap(Site::ResidPre, layer, step.stream);
        const auto branch = [&](bool runs, Site site, const std::vector<SiteEdit>& edits, auto&& compute) {
            if (!runs) { // a skipped branch adds nothing; its tap says so
                if (step.wants(site, layer))
                    step.tap(site, layer, at::zeros_like(step.stream));
                return;
            }
            at::Tensor out = compute();
            edit(edits, out, step);
            step.tap(site, layer, out);
            step.stream = step.stream.add(out);
        };
        branch(block.attentionRuns, Site::AttnOut, block.attnOutEdits,
               [&] { return attentionBranch(step, layer, cache); });
        edit(block.residMidEdits, step.stream, step);
        step.tap(Site::ResidMid, layer, step.stream);
        branch(block.mlpRuns, Site::MlpOut, block.mlpOutEdits, [&] { return mlpBranch(step, layer); });
        edit(block.residPostEdits, step.stream, step);
        step.tap(Site::ResidPost, layer, step.stream);
        if (checkBlocks && !finite(step.stream))
            return Error{Errc::NanStream, fmt::format("Block {} produced values that are not finite.", layer),
                         "Undo the last change, or halve the strength.",
                         fmt::format("positions {} to {}", step.first, step.first + step.n - 1)};
    }
    const bool all = input.allLogits || step.wants(Site::Logits, -1) || step.wants(Site::FinalNorm, -1);
    const at::Tensor last = all ? step.stream : step.stream.narrow(0, step.n - 1, 1);
    if (!finite(step.stream))
        return Error{Errc::NanStream, {}, {}, {}};
    const at::Tensor normed = rmsNorm(last.contiguous(), weights.finalNorm, model.config().normEpsilon);
    step.tap(Site::FinalNorm, -1, normed);
    const at::Tensor chunkLogits = project(normed, weights.unembedding).to(at::kFloat);
    step.tap(Site::Logits, -1, chunkLogits);
    logits.push_back(input.allLogits ? chunkLogits : chunkLogits.narrow(0, chunkLogits.size(0) - 1, 1));
    cache.advance(step.n);
    return success();
}

Result<at::Tensor> Forward::run(const ForwardInput& input, KvCache& cache)
{
    const int before = cache.length();
    const int limit = m_plan->model().info().contextLength;
    if (input.ids.empty())
        return Error{Errc::PromptEmpty, "There is nothing to run.", "Write a prompt.", {}};
    if (before + std::int64_t(input.ids.size()) > limit)
        return Error{Errc::ContextTooLarge,
                     fmt::format("{} tokens do not fit into the context of {}.", before + input.ids.size(), limit),
                     "Shorten the prompt, or open the model with a larger context.",
                     {}};
    const bool whole =
        input.taps && std::any_of(m_plan->blocks().begin(), m_plan->blocks().end(), [&](const BlockPlan& b) {
            const int layer = int(&b - m_plan->blocks().data());
            return input.taps->wants({Site::AttnPattern, layer}) || input.taps->wants({Site::AttnScores, layer});
        }); // patterns have one key axis, so they cannot be taken in pieces
    const std::size_t chunk = whole ? input.ids.size() : kChunk;
    std::vector<at::Tensor> logits;
    for (std::size_t at = 0; at < input.ids.size(); at += chunk) {
        const auto ids = input.ids.subspan(at, std::min(chunk, input.ids.size() - at));
        const int start = cache.length();
        Status status = runChunk(input, ids, cache, false, logits);
        if (status.ok())
            continue;
        cache.truncate(start);
        if (status.error().code == Errc::NanStream) { // once more with a look at every block, to name the first
            ForwardInput quiet = input;
            quiet.taps = nullptr;
            status = runChunk(quiet, ids, cache, true, logits);
        }
        cache.truncate(before);
        if (status.ok())
            return Error{Errc::NanStream,
                         "The residual stream is no longer finite.",
                         "Undo the last change, or halve the strength.",
                         {}};
        return status.error();
    }
    return input.allLogits ? at::cat(logits) : logits.back();
}

at::Tensor unembed(const Model& model, const at::Tensor& stream)
{
    const at::Tensor normed =
        rmsNorm(stream.to(at::kFloat).contiguous(), model.weights().finalNorm, model.config().normEpsilon);
    return project(normed, model.weights().unembedding).to(at::kFloat);
}

} // namespace ls
