#include "engine/cuda/cuda_description.h"

#include "kernels/cpu/kernel_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

namespace {

Error lacks(const std::string& what)
{
    return {Errc::NotSupported, "The CUDA module cannot run " + what + ".", "Run it on the CPU.", {}};
}

const float* floatsOf(const at::Tensor& tensor)
{
    return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

Status checkWeights(const ModelConfig& config, const Weights& weights)
{
    LS_CHECK(checkCudaConfig(config));
    if (weights.positions.defined())
        return lacks("models with learned positions");
    for (const BlockWeights& block : weights.blocks)
        if (!block.attnNorm.weight.defined() || !block.mlpNorm.weight.defined())
            return lacks("models without a norm before their branches");
    return success();
}

/// Tokens of a sequence whose prompt has `promptLength`.
LsCudaEdit editOf(const Addition& addition, int layer, int promptLength)
{
    LsCudaEdit edit{layer, 0, floatsOf(addition.vector), 0, std::numeric_limits<int>::max()};
    switch (addition.mask.kind) {
    case TokenMask::Kind::Prompt:
        edit.to = promptLength;
        break;
    case TokenMask::Kind::Generated:
        edit.from = promptLength;
        break;
    case TokenMask::Kind::LastPrompt:
        edit.from = promptLength - 1;
        edit.to = promptLength;
        break;
    default:
        break; // All; the rest is refused in CudaPlan::of
    }
    return edit;
}

bool usesWindow(const AttentionPlan& attention, bool generated)
{
    return attention.kind == AttentionKind::Window && (generated || !attention.decodeOnly);
}

} // namespace

Status checkCudaConfig(const ModelConfig& config)
{
    if (config.norm != NormKind::Rms)
        return lacks("models with layer norms");
    if (config.parallelResidual)
        return lacks("models whose branches run in parallel");
    if (config.expertCount > 0)
        return lacks("mixtures of experts");
    if (config.activation == Activation::ClampedSwiglu || config.attentionSinks)
        return lacks("models with attention sinks or clamped gates");
    if (config.qkNorm == QkNorm::Whole)
        return lacks("models with a norm over all heads together");
    for (const RotaryTable& table : config.rotaries)
        if (table.frequencies.size() != config.rotaries.front().frequencies.size())
            return lacks("models whose layers rotate different numbers of dimensions");
    return success();
}

bool attendsInPhases(const ForwardPlan& plan)
{
    const auto& blocks = plan.blocks();
    return std::any_of(blocks.begin(), blocks.end(), [](const BlockPlan& block) {
        return usesWindow(block.attention, true) != usesWindow(block.attention, false);
    });
}

LsCudaMatrix CudaModel::matrix(const WeightMatrix& weights, const at::Tensor& bias)
{
    const kernels::Matrix m = weights.matrix();
    if (!m.data)
        return {};
    LsCudaMatrix out{int(m.format), m.rows, m.cols, m.data, floatsOf(bias)};
    if (m.packed) { // the device reads rows as files have them
        const std::int64_t bytes = kernels::rowBytes(m.format, m.cols);
        m_rows.emplace_back(std::size_t(m.rows * bytes));
        for (std::int64_t r = 0; r < m.rows; ++r)
            kernels::unpackRow(m, r, m_rows.back().data() + r * bytes);
        out.data = m_rows.back().data();
    }
    return out;
}

LsCudaLayer CudaModel::layer(int index)
{
    const BlockWeights& w = m_model->weights().blocks[std::size_t(index)];
    const LayerConfig& config = m_model->config().layers[std::size_t(index)];
    LsCudaLayer out{};
    out.q = matrix(w.wq, w.bq);
    out.k = matrix(w.wk, w.bk);
    out.v = matrix(w.wv, w.bv);
    out.o = matrix(w.wo, w.bo);
    out.up = matrix(w.wUp, w.bUp);
    out.down = matrix(w.wDown, w.bDown);
    if (m_model->config().gated)
        out.gate = matrix(w.wGate, w.bGate);
    out.attnNorm = floatsOf(w.attnNorm.weight);
    out.mlpNorm = floatsOf(w.mlpNorm.weight);
    out.attnPostNorm = floatsOf(w.attnPostNorm.weight);
    out.mlpPostNorm = floatsOf(w.mlpPostNorm.weight);
    out.qNorm = floatsOf(w.qNorm.weight);
    out.kNorm = floatsOf(w.kNorm.weight);
    out.window = config.window;
    out.rotary = config.rotary;
    return out;
}

/// As RotaryAngles computes them: float32 throughout.
void CudaModel::angles(int capacity)
{
    for (const RotaryTable& table : m_model->config().rotaries) {
        std::vector<float> cosines, sines;
        for (int p = 0; p < capacity; ++p) {
            for (const float frequency : table.frequencies) {
                const float angle = float(p) * frequency;
                cosines.push_back(std::cos(angle) * table.magnitude);
                sines.push_back(std::sin(angle) * table.magnitude);
            }
        }
        m_cosines.push_back(std::move(cosines));
        m_sines.push_back(std::move(sines));
    }
    for (std::size_t t = 0; t < m_cosines.size(); ++t) {
        m_cosineTables.push_back(m_cosines[t].data());
        m_sineTables.push_back(m_sines[t].data());
    }
}

Result<std::unique_ptr<CudaModel>> CudaModel::of(std::shared_ptr<const Model> model, int capacity)
{
    const ModelConfig& config = model->config();
    const Weights& weights = model->weights();
    LS_CHECK(checkWeights(config, weights));
    auto out = std::make_unique<CudaModel>(model);
    for (int l = 0; l < config.blockCount; ++l)
        out->m_layers.push_back(out->layer(l));
    for (const LsCudaLayer& layer : out->m_layers)
        if (layer.gate.data && layer.gate.format != layer.up.format)
            return lacks("a model whose gate and up matrices have different formats");
    out->angles(capacity);
    LsCudaModel& d = out->m_description;
    d.layers = config.blockCount;
    d.width = config.width;
    d.heads = config.headCount;
    d.kvHeads = config.kvHeadCount;
    d.headWidth = config.headWidth;
    d.mlpWidth = config.mlpWidth;
    d.vocabulary = config.vocabSize;
    const at::ScalarType type = model->cacheType();
    d.cacheType = int(type == at::kFloat  ? kernels::CacheType::F32
                      : type == at::kHalf ? kernels::CacheType::F16
                                          : kernels::CacheType::BF16);
    d.gate = int(config.activation == Activation::Silu   ? kernels::Gate::Silu
                 : config.activation == Activation::Gelu ? kernels::Gate::Gelu
                                                         : kernels::Gate::GeluTanh);
    d.capacity = capacity;
    d.normEpsilon = float(config.normEpsilon);
    d.attentionScale = float(config.attentionScale);
    d.scoreCap = float(config.scoreCap);
    d.logitCap = float(config.logitCap);
    d.embeddingScale = float(config.embeddingScale);
    d.residualScale = float(config.residualScale);
    d.logitScale = float(1.0 / config.logitDivisor);
    d.layer = out->m_layers.data();
    d.embedding = out->matrix(weights.embedding, {});
    if (!weights.unembedding.sameAs(weights.embedding))
        d.output = out->matrix(weights.unembedding, {});
    d.finalNorm = floatsOf(weights.finalNorm.weight);
    d.turned = config.rotaries.empty() ? 0 : int(2 * config.rotaries.front().frequencies.size());
    d.rotaryTables = int(config.rotaries.size());
    d.cosines = out->m_cosineTables.data();
    d.sines = out->m_sineTables.data();
    return out;
}

Result<std::unique_ptr<CudaPlan>> CudaPlan::of(PlanPtr plan, const CudaPass& pass)
{
    auto out = std::make_unique<CudaPlan>(plan);
    LsCudaPlan& d = out->m_description;
    const auto& blocks = plan->blocks();
    for (std::size_t l = 0; l < blocks.size(); ++l) {
        const BlockPlan& block = blocks[l];
        if (block.weights != &plan->model().weights().blocks[l])
            return lacks("changed weights");
        if (!block.zeroedHeads.empty())
            return lacks("silenced heads");
        if (!block.residPreEdits.empty() || !block.attnOutEdits.empty() || !block.residMidEdits.empty() ||
            !block.mlpOutEdits.empty())
            return lacks("changes elsewhere than after a block");
        const AttentionPlan& attention = block.attention;
        if (attention.kind == AttentionKind::TopK)
            return lacks("top-k attention");
        int window = plan->model().config().layers[l].window, sinks = 0; // the layer's own
        if (usesWindow(attention, pass.generated) && (window == 0 || attention.window < window)) {
            if (window > 0 && attention.sinks > 0)
                return lacks("sinks in a layer that has a window of its own");
            window = attention.window;
            sinks = attention.sinks;
        }
        out->m_sinks.push_back(sinks);
        out->m_windows.push_back(window);
        out->m_attention.push_back(block.attentionRuns);
        out->m_mlp.push_back(block.mlpRuns);
        for (const SiteEdit& edit : block.residPostEdits) {
            if (const auto* addition = std::get_if<Addition>(&edit.what)) {
                if (addition->mask.kind > TokenMask::Kind::LastPrompt)
                    return lacks("additions at classes of tokens");
                out->m_edits.push_back(editOf(*addition, int(l), pass.promptLength));
            } else {
                out->m_edits.push_back({int(l), 1, floatsOf(std::get<Projection>(edit.what).unit), 0, 0});
            }
        }
    }
    for (int l = -1; pass.streams && l < int(blocks.size()); ++l)
        out->m_taps.push_back({l, 0, nullptr, 0});
    d.taps = out->m_taps.data();
    d.tapCount = int(out->m_taps.size());
    d.attentionRuns = out->m_attention.data();
    d.sinks = out->m_sinks.data();
    d.windows = out->m_windows.data();
    d.mlpRuns = out->m_mlp.data();
    d.edits = out->m_edits.data();
    d.editCount = int(out->m_edits.size());
    return out;
}

} // namespace ls
