#include "engine/forward/fused_blocks.h"

#include "engine/forward/attention.h"
#include "engine/forward/fused_workspace.h"
#include "engine/forward/kernel_pool.h"
#include "engine/forward/mlp.h"
#include "engine/forward/step.h"

#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/elementwise.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

namespace ls {

namespace {

const float* floatsOf(const at::Tensor& tensor)
{
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

kernels::CacheType cacheTypeOf(at::ScalarType type)
{
    return type == at::kFloat  ? kernels::CacheType::F32
           : type == at::kHalf ? kernels::CacheType::F16
                               : kernels::CacheType::BF16;
}

kernels::Gate gateOf(Activation activation)
{
    return activation == Activation::Silu   ? kernels::Gate::Silu
           : activation == Activation::Gelu ? kernels::Gate::Gelu
                                            : kernels::Gate::GeluTanh;
}

BlockMatrices matricesOf(const BlockWeights& w)
{
    const auto of = [](const WeightMatrix& weight) {
        return weight.experts() == 0 ? weight.matrix() : kernels::Matrix();
    };
    return {of(w.wq), of(w.wk), of(w.wv), of(w.wo), of(w.wGate), of(w.wUp), of(w.wDown)};
}

/// One block of one pass on its way; everything by reference.
class BlockRun {
public:
    BlockRun(const ForwardPlan& plan, const BlockMatrices& matrices, std::span<const Step> steps, at::Tensor& stream,
             int layer, const RotaryAngles& angles)
        : m_config(plan.model().config())
        , m_block(plan.blocks()[std::size_t(layer)])
        , m_weights(*m_block.weights)
        , m_matrices(matrices)
        , m_steps(steps)
        , m_stream(stream)
        , m_layer(layer)
        , m_angles(angles)
        , m_pool(kernelPool())
        , m_space(FusedWorkspace::ofThread())
        , m_n(int(stream.size(0)))
        , m_d(m_config.width)
    {
    }

    void run()
    {
        edit(m_block.residPreEdits, m_stream);
        tap(Site::ResidPre, m_stream);
        const bool parallel = m_config.parallelResidual; // both branches read the stream that enters
        const bool attention =
            branch(m_block.attentionRuns, Site::AttnOut, m_weights.attnPostNorm, m_weights.bo, m_block.attnOutEdits,
                   m_space.attention, !parallel, [&](Target target) { this->attention(target); });
        if (!parallel) {
            edit(m_block.residMidEdits, m_stream);
            tap(Site::ResidMid, m_stream);
        }
        branch(m_block.mlpRuns, Site::MlpOut, m_weights.mlpPostNorm, m_weights.bDown, m_block.mlpOutEdits, m_space.mlp,
               true, [&](Target target) { mlp(target); });
        if (parallel && attention)
            addToStream(m_space.attention.data());
        edit(m_block.residPostEdits, m_stream);
        tap(Site::ResidPost, m_stream);
    }

private:
    /// Where a branch puts its rows [n, d].
    struct Target {
        float* out = nullptr;
        bool add = false;
    };

    float* stream() const { return m_stream.data_ptr<float>(); }
    bool wants(Site site) const
    {
        return kHooks &&
               std::any_of(m_steps.begin(), m_steps.end(), [&](const Step& s) { return s.wants(site, m_layer); });
    }
    void tap(Site site, const at::Tensor& value) const
    {
        if (!kHooks)
            return;
        if (m_steps.size() == 1)
            return m_steps[0].tap(site, m_layer, value);
        for (const Step& step : m_steps)
            step.tap(site, m_layer, value.narrow(0, step.row, step.n));
    }
    void edit(const std::vector<SiteEdit>& edits, at::Tensor& value) const
    {
        if (!kHooks || edits.empty())
            return;
        const Stage before = enter(&StageTimes::hooks);
        if (m_steps.size() == 1) {
            applyEdits(edits, value, m_steps[0]);
        } else {
            std::vector<at::Tensor> parts;
            for (const Step& step : m_steps) {
                parts.push_back(value.narrow(0, step.row, step.n));
                applyEdits(edits, parts.back(), step);
            }
            value = at::cat(parts);
        }
        enter(before);
    }
    Stage enter(Stage stage) const { return m_steps[0].enter(stage); }
    void tapRows(Site site, float* rows, at::IntArrayRef shape) const
    {
        if (wants(site))
            tap(site, at::from_blob(rows, shape, at::kFloat));
    }
    void addToStream(const float* rows) { kernels::addTo(rows, stream(), m_n * m_d); }

    /// Runs a branch into the stream, by way of `rows` where something happens to them before they are added; false if
    /// it is skipped. Without `adds` it stays in `rows`.
    template <class Compute>
    bool branch(bool runs, Site site, const Norm& postNorm, const at::Tensor& bias, const std::vector<SiteEdit>& edits,
                FloatBuffer& rows, bool adds, const Compute& compute)
    {
        if (kHooks && !runs) { // a skipped branch adds nothing; its tap says so
            if (wants(site))
                tap(site, at::zeros_like(m_stream));
            return false;
        }
        const bool direct = adds && !postNorm.weight.defined() && !bias.defined() && edits.empty() && !wants(site) &&
                            m_config.residualScale == 1.0;
        if (direct) {
            compute(Target{stream(), true});
            return true;
        }
        float* out = rows.reserve(m_n * m_d);
        compute(Target{out, false});
        m_space.normalise(m_pool, m_config, postNorm, out, m_n, m_d, out);
        at::Tensor value = at::from_blob(out, {m_n, m_d}, at::kFloat);
        if (m_config.residualScale != 1.0)
            value.mul_(m_config.residualScale);
        edit(edits, value);
        tap(site, value);
        if (adds)
            addToStream(value.const_data_ptr<float>());
        else if (value.const_data_ptr<float>() != out)
            std::copy_n(value.const_data_ptr<float>(), m_n * m_d, out);
        return true;
    }

    /// The stream after `norm` as the input of products with `formats`; the rows themselves where someone reads them.
    const float* setNormed(std::initializer_list<kernels::Matrix> readers, const Norm& norm, Site site, bool wanted)
    {
        wanted = wanted || wants(site);
        const float* rows = m_space.setNormed(m_pool, m_config, readers, norm, stream(), m_n, m_d, wanted);
        tapRows(site, const_cast<float*>(rows), {m_n, m_d});
        return rows;
    }
    /// out (or += ) matrix times the input that was set last.
    kernels::Product product(const kernels::Matrix& matrix, const at::Tensor& bias, float* out, bool add = false) const
    {
        return {&matrix, out, matrix.rows, add, floatsOf(bias)};
    }

    void attention(Target target)
    {
        enter(&StageTimes::qkv);
        const std::int64_t heads = m_config.headCount, kvHeads = m_config.kvHeadCount, width = m_config.headWidth;
        float *q = m_space.q.reserve(m_n * heads * width), *k = m_space.k.reserve(m_n * kvHeads * width),
              *v = m_space.v.reserve(m_n * kvHeads * width), *z = m_space.z.reserve(m_n * heads * width);
        setNormed({m_matrices.q, m_matrices.k, m_matrices.v}, m_weights.attnNorm, Site::AttnNorm, false);
        const kernels::Product qkv[] = {product(m_matrices.q, m_weights.bq, q), product(m_matrices.k, m_weights.bk, k),
                                        product(m_matrices.v, m_weights.bv, v)};
        kernels::multiply(m_pool, m_space.input, qkv);
        normaliseHeads(m_weights.qNorm, q, heads * width);
        normaliseHeads(m_weights.kNorm, k, kvHeads * width);

        enter(&StageTimes::attention);
        for (const Step& step : m_steps)
            attend(step, q + step.row * heads * width, k + step.row * kvHeads * width, v + step.row * kvHeads * width,
                   z + step.row * heads * width);
        tapRows(Site::AttnQ, q, {m_n, heads, width});
        tapRows(Site::AttnK, k, {m_n, kvHeads, width});
        tapRows(Site::AttnV, v, {m_n, kvHeads, width});
        for (const int head : m_block.zeroedHeads)
            for (std::int64_t t = 0; t < m_n; ++t)
                std::fill_n(z + (t * heads + head) * width, width, 0.0f);
        tapRows(Site::AttnZ, z, {m_n, heads, width});
        enter(&StageTimes::output);
        m_space.set(m_pool, {m_matrices.o}, z, m_n, heads * width);
        const kernels::Product output = product(m_matrices.o, m_weights.bo, target.out, target.add);
        kernels::multiply(m_pool, m_space.input, {&output, 1});
    }

    /// Rotary embedding, cache and attention of one sequence; the pointers are its own rows.
    void attend(const Step& step, float* q, float* k, float* v, float* z)
    {
        const std::int64_t heads = m_config.headCount, kvHeads = m_config.kvHeadCount, width = m_config.headWidth;
        const KvRows rows = step.cache->grow(m_layer, step.n, step.first);
        const kernels::CacheTarget store{cacheTypeOf(rows.type), rows.keys, rows.values, rows.headStride,
                                         rows.firstRow};
        const int table = m_config.layers[std::size_t(m_layer)].rotary;
        const kernels::Rotary rotary = table >= 0 ? m_angles.at(table, step.first) : kernels::Rotary();
        kernels::rotateAndStore(m_pool, headShape(), rotary, step.n, q, heads * width, k, kvHeads * width, v,
                                kvHeads * width, store);
        if (kernelsAttend(step))
            attendOnKernels(step, rows, q, z);
        else
            attendOnTorch(step, q, z);
    }

    void normaliseHeads(const Norm& norm, float* x, std::int64_t all)
    {
        if (!norm.weight.defined())
            return;
        const std::int64_t width = norm.weight.numel();
        m_space.normalise(m_pool, m_config, norm, x, m_n * all / width, width, x);
    }

    kernels::HeadShape headShape() const
    {
        return {m_config.headCount, m_config.kvHeadCount, m_config.headWidth, float(m_config.attentionScale),
                float(m_config.scoreCap)};
    }

    bool kernelsAttend(const Step& step) const
    {
        const AttentionKind kind = m_block.attention.kind;
        const bool windows = kind == AttentionKind::Window && m_config.layers[std::size_t(m_layer)].window > 0;
        return !m_weights.sinks.defined() && kind != AttentionKind::TopK && !windows &&
               !step.wants(Site::AttnScores, m_layer) && !step.wants(Site::AttnPattern, m_layer);
    }

    void attendOnKernels(const Step& step, const KvRows& rows, const float* q, float* z)
    {
        const kernels::HeadShape shape = headShape();
        const std::int64_t stride = std::int64_t(shape.heads) * shape.width;
        const kernels::CacheView view{cacheTypeOf(rows.type), rows.keys, rows.values, rows.headStride,
                                      rows.firstRow + step.n};
        const auto& positions = step.cache->positions(m_layer);
        const auto rowOf = [&](int position) { // of the first entry at or after the position
            return std::lower_bound(positions.begin(), positions.end(), position) - positions.begin();
        };
        const AttentionPlan& plan = m_block.attention;
        const int window = m_config.layers[std::size_t(m_layer)].window;
        std::int64_t sinks = 0;
        const auto recentOf = [&](int query) -> std::int64_t {
            if (window > 0)
                return rowOf(query - window + 1);
            if (plan.kind != AttentionKind::Window || (plan.decodeOnly && query < step.promptLength))
                return 0;
            return rowOf(query - plan.window + 1);
        };
        const bool sparse = window > 0 || plan.kind == AttentionKind::Window;
        if (plan.kind == AttentionKind::Window)
            sinks = rowOf(plan.sinks);
        if (step.n == 1) {
            const kernels::KeyChoice choice{sinks, sparse ? recentOf(step.first) : 0, nullptr, nullptr};
            m_space.attend.decode(m_pool, shape, q, view, choice, z);
            return;
        }
        m_space.recent.clear();
        for (int i = 0; sparse && i < step.n; ++i)
            m_space.recent.push_back(std::int32_t(recentOf(step.first + i)));
        m_space.attend.prefill(m_pool, shape, q, stride, step.n, view, sinks, sparse ? m_space.recent.data() : nullptr,
                               z, stride);
    }

    void attendOnTorch(const Step& step, float* q, float* z)
    {
        const std::int64_t heads = m_config.headCount, width = m_config.headWidth;
        AttentionInput input;
        input.k = step.cache->keys(m_layer);
        input.v = step.cache->values(m_layer);
        if (input.k.scalar_type() == at::kHalf) { // libtorch's sums of halves lose what float32 inputs had
            input.k = input.k.to(at::kFloat);
            input.v = input.v.to(at::kFloat);
        }
        input.q = at::from_blob(q, {step.n, heads, width}, at::kFloat).to(input.k.scalar_type());
        input.positions = step.cache->positions(m_layer);
        input.firstPosition = step.first;
        input.promptLength = step.promptLength;
        input.scale = m_config.attentionScale;
        input.slidingWindow = m_config.layers[std::size_t(m_layer)].window;
        input.scoreCap = m_config.scoreCap;
        input.sinks = m_weights.sinks;
        input.wantScores = step.wants(Site::AttnScores, m_layer);
        input.wantPattern = step.wants(Site::AttnPattern, m_layer);
        const AttentionOutput out = ls::attend(m_block.attention, input);
        if (out.scores.defined())
            step.tap(Site::AttnScores, m_layer, out.scores);
        if (out.pattern.defined())
            step.tap(Site::AttnPattern, m_layer, out.pattern);
        at::from_blob(z, {step.n, heads, width}, at::kFloat).copy_(out.z);
    }

    void mlp(Target target)
    {
        enter(&StageTimes::mlp);
        if (m_config.expertCount > 0 || m_config.activation == Activation::ClampedSwiglu)
            return mlpOnTorch(target);
        const std::int64_t ff = m_matrices.up.rows;
        float* act = m_space.act.reserve(m_n * ff);
        const kernels::Gate kind = gateOf(m_config.activation);
        float* pre = nullptr;
        if (m_config.gated) {
            setNormed({m_matrices.gate, m_matrices.up}, m_weights.mlpNorm, Site::MlpNorm, false);
            const bool plain = !m_weights.bGate.defined() && !m_weights.bUp.defined();
            pre = wants(Site::MlpPre) || !plain ? m_space.gate.reserve(m_n * ff) : nullptr;
            if (plain) {
                kernels::multiplyGated(m_pool, m_space.input, kind, m_matrices.gate, m_matrices.up, act, ff, pre);
            } else {
                const kernels::Product both[] = {product(m_matrices.gate, m_weights.bGate, pre),
                                                 product(m_matrices.up, m_weights.bUp, act)};
                kernels::multiply(m_pool, m_space.input, both);
                forValues(m_n * ff, [&](std::int64_t at, std::int64_t count) {
                    kernels::gateActivation(kind, pre + at, act + at, act + at, count);
                });
            }
        } else {
            setNormed({m_matrices.up}, m_weights.mlpNorm, Site::MlpNorm, false);
            pre = m_space.gate.reserve(m_n * ff);
            const kernels::Product up = product(m_matrices.up, m_weights.bUp, pre);
            kernels::multiply(m_pool, m_space.input, {&up, 1});
            forValues(m_n * ff, [&](std::int64_t at, std::int64_t count) {
                std::fill_n(act + at, count, 1.0f);
                kernels::gateActivation(kind, pre + at, act + at, act + at, count);
            });
        }
        tapRows(Site::MlpPre, pre, {m_n, ff});
        tapRows(Site::MlpAct, act, {m_n, ff});
        m_space.set(m_pool, {m_matrices.down}, act, m_n, ff);
        const kernels::Product down = product(m_matrices.down, m_weights.bDown, target.out, target.add);
        kernels::multiply(m_pool, m_space.input, {&down, 1});
    }

    template <class Body>
    void forValues(std::int64_t count, const Body& body)
    {
        m_pool.forRange(count, 16 * 1024, [&](std::int64_t begin, std::int64_t end, int) { body(begin, end - begin); });
    }

    void mlpOnTorch(Target target)
    {
        const float* rows = setNormed({}, m_weights.mlpNorm, Site::MlpNorm, true);
        const at::Tensor h = at::from_blob(const_cast<float*>(rows), {m_n, m_d}, at::kFloat);
        MlpTap onTap;
        if (wants(Site::MlpPre) || wants(Site::MlpAct))
            onTap = [&](const at::Tensor& pre, const at::Tensor& act) {
                tap(Site::MlpPre, pre);
                tap(Site::MlpAct, act);
            };
        at::Tensor out = at::from_blob(target.out, {m_n, m_d}, at::kFloat);
        const at::Tensor result = runMlp(h, m_weights, m_config, ForwardPath::Fused, onTap);
        if (target.add)
            out.add_(result);
        else
            out.copy_(result);
    }

    const ModelConfig& m_config;
    const BlockPlan& m_block;
    const BlockWeights& m_weights;
    const BlockMatrices& m_matrices;
    const std::span<const Step> m_steps;
    at::Tensor& m_stream;
    const int m_layer;
    const RotaryAngles& m_angles;
    kernels::WorkerPool& m_pool;
    FusedWorkspace& m_space;
    const int m_n;
    const std::int64_t m_d;
};

} // namespace

FusedBlocks::FusedBlocks(PlanPtr plan)
    : m_plan(std::move(plan))
{
    for (const BlockPlan& block : m_plan->blocks())
        m_matrices.push_back(matricesOf(*block.weights));
}

void FusedBlocks::run(std::span<const Step> steps, at::Tensor& stream, int layer, const RotaryAngles& angles) const
{
    BlockRun(*m_plan, m_matrices[std::size_t(layer)], steps, stream, layer, angles).run();
}

} // namespace ls
