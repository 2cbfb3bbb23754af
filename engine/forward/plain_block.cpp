#include "engine/forward/plain_block.h"

#include "engine/forward/attention.h"
#include "engine/forward/linear.h"
#include "engine/forward/mlp.h"

#include <ATen/ops/zeros_like.h>

namespace ls {

namespace {

void edit(const std::vector<SiteEdit>& edits, at::Tensor& value, const Step& step)
{
    if (edits.empty())
        return;
    const Stage before = step.enter(&StageTimes::hooks);
    applyEdits(edits, value, step);
    step.enter(before);
}

at::Tensor attentionBranch(const ForwardPlan& plan, const BlockWeights& weights, const Step& step,
                           const at::Tensor& stream, int layer, const RotaryAngles& angles)
{
    KvCache& cache = *step.cache;
    const ModelConfig& config = plan.model().config();
    const LayerConfig& kind = config.layers[std::size_t(layer)];
    const BlockPlan& block = plan.blocks()[std::size_t(layer)];
    step.enter(&StageTimes::qkv);
    const at::Tensor h = normalise(stream, weights.attnNorm, config);
    step.tap(Site::AttnNorm, layer, h);
    const auto turned = [&](const WeightMatrix& weight, const at::Tensor& bias, const Norm& norm, int heads) {
        at::Tensor x = normalise(project(h, weight, bias).to(at::kFloat), norm, config);
        x = x.view({step.n, heads, config.headWidth});
        if (kind.rotary >= 0) {
            step.enter(&StageTimes::attention);
            angles.rotate(x, kind.rotary, step.first);
            step.enter(&StageTimes::qkv);
        }
        return x.to(weight.denseType());
    };
    AttentionInput input;
    input.q = turned(weights.wq, weights.bq, weights.qNorm, config.headCount);
    const at::Tensor k = turned(weights.wk, weights.bk, weights.kNorm, config.kvHeadCount);
    const at::Tensor v = project(h, weights.wv, weights.bv)
                             .to(weights.wv.denseType())
                             .view({step.n, config.kvHeadCount, config.headWidth});
    step.tap(Site::AttnQ, layer, input.q);
    step.tap(Site::AttnK, layer, k);
    step.tap(Site::AttnV, layer, v);
    step.enter(&StageTimes::attention);
    cache.append(layer, k, v, step.first);
    input.k = cache.keys(layer).to(input.q.scalar_type());
    input.v = cache.values(layer).to(input.q.scalar_type());
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
    step.enter(&StageTimes::output);
    return project(z.view({step.n, config.headCount * config.headWidth}), weights.wo, weights.bo).to(at::kFloat);
}

at::Tensor mlpBranch(const ModelConfig& config, const BlockWeights& weights, const Step& step, const at::Tensor& stream,
                     int layer)
{
    step.enter(&StageTimes::mlp);
    const at::Tensor h = normalise(stream, weights.mlpNorm, config);
    step.tap(Site::MlpNorm, layer, h);
    MlpTap tap;
    if (step.taps)
        tap = [&](const at::Tensor& pre, const at::Tensor& act) {
            step.tap(Site::MlpPre, layer, pre);
            step.tap(Site::MlpAct, layer, act);
        };
    return runMlp(h, weights, config, ForwardPath::Plain, tap);
}

} // namespace

void runPlainBlock(const ForwardPlan& plan, const Step& step, at::Tensor& stream, int layer, const RotaryAngles& angles)
{
    const ModelConfig& config = plan.model().config();
    const BlockPlan& block = plan.blocks()[std::size_t(layer)];
    const BlockWeights& weights = *block.weights;
    /// The branch as it is added to the stream; undefined when it is skipped.
    const auto branch = [&](bool runs, Site site, const Norm& postNorm, const std::vector<SiteEdit>& edits,
                            auto&& compute) {
        if (!runs) { // a skipped branch adds nothing; its tap says so
            if (step.wants(site, layer))
                step.tap(site, layer, at::zeros_like(stream));
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
            stream = stream.add(out);
    };
    edit(block.residPreEdits, stream, step);
    step.tap(Site::ResidPre, layer, stream);
    const at::Tensor attention = branch(block.attentionRuns, Site::AttnOut, weights.attnPostNorm, block.attnOutEdits,
                                        [&] { return attentionBranch(plan, weights, step, stream, layer, angles); });
    if (!config.parallelResidual) {
        add(attention);
        edit(block.residMidEdits, stream, step);
        step.tap(Site::ResidMid, layer, stream);
    }
    const at::Tensor mlp = branch(block.mlpRuns, Site::MlpOut, weights.mlpPostNorm, block.mlpOutEdits,
                                  [&] { return mlpBranch(config, weights, step, stream, layer); });
    if (config.parallelResidual) // both branches have read the same stream
        add(attention);
    add(mlp);
    edit(block.residPostEdits, stream, step);
    step.tap(Site::ResidPost, layer, stream);
}

} // namespace ls
