#include "engine/forward/forward.h"

#include "engine/forward/attention.h"
#include "engine/forward/linear.h"
#include "engine/forward/mlp.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros_like.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

/// Positions of one pass. Longer prompts run in pieces, so that scores stay small and a cancel acts soon.
constexpr std::size_t kChunk = 512;

at::Tensor embed(const Model& model, const at::Tensor& ids, int firstPosition)
{
    const Weights& weights = model.weights();
    at::Tensor stream = at::embedding(weights.embedding, ids).to(at::kFloat);
    if (model.config().embeddingScale != 1.0)
        stream = stream.mul(model.config().embeddingScale);
    if (weights.positions.defined())
        stream = stream.add(weights.positions.narrow(0, firstPosition, ids.size(0)));
    return stream;
}

at::Tensor logitsOf(const Model& model, const at::Tensor& normed)
{
    const ModelConfig& config = model.config();
    at::Tensor logits = project(normed, model.weights().unembedding).to(at::kFloat);
    if (config.logitDivisor != 1.0)
        logits = logits.div(config.logitDivisor);
    if (config.logitCap > 0)
        logits = logits.div(config.logitCap).tanh_().mul_(config.logitCap);
    return logits;
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
    , m_angles(m_plan->model().config().rotaries)
{
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
    const LayerConfig& kind = config.layers[std::size_t(layer)];
    const BlockPlan& block = m_plan->blocks()[std::size_t(layer)];
    const BlockWeights& weights = *block.weights;
    const at::Tensor h = normalise(step.stream, weights.attnNorm, config);
    step.tap(Site::AttnNorm, layer, h);
    const auto turned = [&](const at::Tensor& weight, const at::Tensor& bias, const Norm& norm, int heads) {
        at::Tensor x = normalise(project(h, weight, bias).to(at::kFloat), norm, config);
        x = x.view({step.n, heads, config.headWidth});
        if (kind.rotary >= 0)
            m_angles.rotate(x, kind.rotary, step.first);
        return x.to(weight.scalar_type());
    };
    AttentionInput input;
    input.q = turned(weights.wq, weights.bq, weights.qNorm, config.headCount);
    const at::Tensor k = turned(weights.wk, weights.bk, weights.kNorm, config.kvHeadCount);
    const at::Tensor v = project(h, weights.wv, weights.bv)
                             .to(weights.wv.scalar_type())
                             .view({step.n, config.kvHeadCount, config.headWidth});
    step.tap(Site::AttnQ, layer, input.q);
    step.tap(Site::AttnK, layer, k);
    step.tap(Site::AttnV, layer, v);
    cache.append(layer, k, v, step.first);
    input.k = cache.keys(layer);
    input.v = cache.values(layer);
    input.positions = cache.positions(layer);
    input.firstPosition = step.first;
    input.promptLength = step.promptLength;
    input.scale = config.attentionScale;
    input.slidingWindow = kind.window;
    input.scoreCap = config.scoreCap;
    input.sinks = weights.sinks;
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
    return project(z.view({step.n, config.headCount * config.headWidth}), weights.wo, weights.bo).to(at::kFloat);
}

at::Tensor Forward::mlpBranch(Step& step, int layer)
{
    const ModelConfig& config = m_plan->model().config();
    const BlockWeights& weights = *m_plan->blocks()[std::size_t(layer)].weights;
    const at::Tensor h = normalise(step.stream, weights.mlpNorm, config);
    step.tap(Site::MlpNorm, layer, h);
    MlpTap tap;
    if (step.taps)
        tap = [&](const at::Tensor& pre, const at::Tensor& act) {
            step.tap(Site::MlpPre, layer, pre);
            step.tap(Site::MlpAct, layer, act);
        };
    return runMlp(h, weights, config, tap);
}

void Forward::runBlock(Step& step, int layer, KvCache& cache)
{
    const ModelConfig& config = m_plan->model().config();
    const BlockPlan& block = m_plan->blocks()[std::size_t(layer)];
    const BlockWeights& weights = *block.weights;
    /// The branch as it is added to the stream; undefined when it is skipped.
    const auto branch = [&](bool runs, Site site, const Norm& postNorm, const std::vector<SiteEdit>& edits,
                            auto&& compute) {
        if (!runs) { // a skipped branch adds nothing; its tap says so
            if (step.wants(site, layer))
                step.tap(site, layer, at::zeros_like(step.stream));
            return at::Tensor();
        }
        at::Tensor out = normalise(compute(), postNorm, config);
        if (config.residualScale != 1.0)
            out = out.mul(config.residualScale);
        edit(edits, out, step);
        step.tap(site, layer, out);
        return out;
    };
    const auto add = [&](const at::Tensor& out) {
        if (out.defined())
            step.stream = step.stream.add(out);
    };
    edit(block.residPreEdits, step.stream, step);
    step.tap(Site::ResidPre, layer, step.stream);
    const at::Tensor attention = branch(block.attentionRuns, Site::AttnOut, weights.attnPostNorm, block.attnOutEdits,
                                        [&] { return attentionBranch(step, layer, cache); });
    if (!config.parallelResidual) {
        add(attention);
        edit(block.residMidEdits, step.stream, step);
        step.tap(Site::ResidMid, layer, step.stream);
    }
    const at::Tensor mlp = branch(block.mlpRuns, Site::MlpOut, weights.mlpPostNorm, block.mlpOutEdits,
                                  [&] { return mlpBranch(step, layer); });
    if (config.parallelResidual) // both branches have read the same stream
        add(attention);
    add(mlp);
    edit(block.residPostEdits, step.stream, step);
    step.tap(Site::ResidPost, layer, step.stream);
}

Status Forward::runChunk(const ForwardInput& input, std::span<const std::int32_t> ids, KvCache& cache, bool checkBlocks,
                         std::vector<at::Tensor>& logits)
{
    const Model& model = m_plan->model();
    Step step{{}, cache.length(), int(ids.size()), input.promptLength, input.taps};
    m_angles.grow(step.first + step.n);
    const at::Tensor index = at::from_blob(const_cast<std::int32_t*>(ids.data()), {step.n}, at::kInt);
    step.stream = embed(model, index, step.first);
    step.tap(Site::Embed, -1, step.stream);
    for (int layer = 0; layer < int(m_plan->blocks().size()); ++layer) {
        if (input.interrupted && step.n > 1 && input.interrupted())
            return Error{Errc::Cancelled, "Stopped.", {}, {}};
        runBlock(step, layer, cache);
        if (checkBlocks && !finite(step.stream))
            return Error{Errc::NanStream, fmt::format("Block {} produced values that are not finite.", layer),
                         "Undo the last change, or halve the strength.",
                         fmt::format("positions {} to {}", step.first, step.first + step.n - 1)};
    }
    const bool all = input.allLogits || step.wants(Site::Logits, -1) || step.wants(Site::FinalNorm, -1);
    const at::Tensor last = all ? step.stream : step.stream.narrow(0, step.n - 1, 1);
    if (!finite(step.stream))
        return Error{Errc::NanStream, {}, {}, {}};
    const at::Tensor normed = normalise(last.contiguous(), model.weights().finalNorm, model.config());
    step.tap(Site::FinalNorm, -1, normed);
    const at::Tensor chunkLogits = logitsOf(model, normed);
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
    // a tokenizer may know more tokens than the model (Gemma 3's image token)
    const int vocab = m_plan->model().config().vocabSize;
    const auto unknown =
        std::find_if(input.ids.begin(), input.ids.end(), [&](std::int32_t id) { return id < 0 || id >= vocab; });
    if (unknown != input.ids.end())
        return Error{Errc::InvalidParameter,
                     fmt::format("The token id {} does not exist.", *unknown),
                     fmt::format("Ids of this model go from 0 to {}.", vocab - 1),
                     {}};
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
    return logitsOf(model, normalise(stream.to(at::kFloat).contiguous(), model.weights().finalNorm, model.config()));
}

} // namespace ls
