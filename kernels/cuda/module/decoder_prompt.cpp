#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/module/decoder.h"
#include "kernels/cuda/prefill_attention.h"
#include "kernels/cuda/rotary_store.h"

#include <algorithm>

/// Prompts: matrix products of many tokens by the device's library (cuBLAS) on tiles of weights in float32, attention
/// by our kernel. Not recorded: a chunk is long enough to hide its launches.
namespace ls::cuda {

namespace {

constexpr std::int64_t kTileRows = 1024;

} // namespace

#define LS_STEP(expression, what)                                                                                      \
    if (Problem problem = problemOf((expression), what); !problem.empty())                                             \
    return problem

Problem Decoder::prompt(const Plan& plan, std::span<const std::int32_t> tokens)
{
    if (!plan.taps.empty())
        return "taps are taken of steps of up to 8 tokens";
    const Stream stream = m_device.stream();
    int last = 0;
    while (!tokens.empty()) {
        const std::size_t count = std::min(tokens.size(), std::size_t(kPromptChunk));
        if (!m_device.copyIn(m_ids.as<void>(), tokens.data(), count * sizeof(std::int32_t)))
            return m_device.error();
        last = int(count);
        LS_STEP(
            decodeRows({m_embedding.format, m_embedding.data.as<std::uint8_t>(), m_embedding.rows, m_embedding.cols,
                        m_ids.as<std::int32_t>(), last, m_model.embeddingScale, m_stream.as<float>(), m_model.width},
                       stream),
            "embedding");
        for (int l = 0; l < m_model.layers; ++l)
            if (Problem p = promptLayer(plan, l, last); !p.empty())
                return p;
        tokens = tokens.subspan(count);
        StepEnd end{last, m_lengths.as<std::int32_t>(), plan.grows.as<std::int32_t>(), m_model.layers,
                    m_position.as<std::int32_t>()};
        if (tokens.empty()) {
            LS_STEP(vocabulary(last), "vocabulary");
            LS_STEP(draw(), "drawing");
            end.step = m_step.as<std::int64_t>();
            end.drawn = m_next.as<std::int32_t>();
            end.history = m_history.as<std::int32_t>();
            end.historyCount = m_historyCount.as<std::int32_t>();
            end.historySize = kHistory;
        }
        LS_STEP(endStep(end, stream), "end of a chunk");
        grew(plan, last);
    }
    ++m_steps;
    ++m_drawn;
    return {};
}

Problem Decoder::promptLayer(const Plan& plan, int index, int tokens)
{
    const Stream stream = m_device.stream();
    const Layer& layer = m_layers[std::size_t(index)];
    const std::int64_t d = m_model.width, heads = std::int64_t(m_model.heads) * m_model.headWidth,
                       ff = m_model.mlpWidth;
    float *x = m_stream.as<float>(), *h = m_normed.as<float>();
    if (plan.attention[std::size_t(index)]) {
        LS_STEP(normRows({x, layer.attnNorm.as<float>(), h, tokens, d, d, d, m_model.normEpsilon, false}, stream),
                "norm");
        for (auto [matrix, out] :
             {std::pair{&layer.q, m_q.as<float>()}, {&layer.k, m_k.as<float>()}, {&layer.v, m_v.as<float>()}})
            if (Problem p = promptProduct(*matrix, h, out, tokens); !p.empty())
                return p;
        LS_STEP(rotateAndStore(rotaryOf(layer, tokens, m_lengths.as<std::int32_t>() + index), stream),
                "rotary embedding");
        PrefillAttention attend;
        attend.shape = shape();
        attend.q = m_q.as<float>();
        attend.qStride = attend.outStride = heads;
        attend.queries = tokens;
        attend.before = m_rows[std::size_t(index)];
        attend.cache = cacheOf(layer);
        attend.window = layer.window > 0 ? layer.window : plan.window;
        attend.sinks = layer.window > 0 ? 0 : plan.sinks;
        attend.out = m_z.as<float>();
        LS_STEP(prefillAttention(attend, stream), "attention");
        if (Problem p = promptBranchEnd(layer.o, layer.attnPostNorm, m_z.as<float>(), tokens); !p.empty())
            return p;
    }
    if (plan.mlp[std::size_t(index)]) {
        LS_STEP(normRows({x, layer.mlpNorm.as<float>(), h, tokens, d, d, d, m_model.normEpsilon, false}, stream),
                "norm");
        if (Problem p = promptProduct(layer.up, h, m_act.as<float>(), tokens); !p.empty())
            return p;
        const bool gated = layer.gate.exists();
        if (gated)
            if (Problem p = promptProduct(layer.gate, h, m_pre.as<float>(), tokens); !p.empty())
                return p;
        LS_STEP(gateValues(kernels::Gate(m_model.gate), gated ? m_pre.as<float>() : m_act.as<float>(),
                           gated ? m_act.as<float>() : nullptr, m_act.as<float>(), tokens * ff, stream),
                "activation");
        if (Problem p = promptBranchEnd(layer.down, layer.mlpPostNorm, m_act.as<float>(), tokens); !p.empty())
            return p;
    }
    return problemOf(editsAndTaps(plan, index, tokens), "edits");
}

/// out [tokens, rows] = matrix times x, a tile of rows at a time.
Problem Decoder::promptProduct(const DeviceMatrix& matrix, const float* x, float* out, int tokens)
{
    const Stream stream = m_device.stream();
    const FormatSize size = formatSize(matrix.format);
    const std::int64_t rowBytes = matrix.cols / size.values * size.bytes;
    for (std::int64_t first = 0; first < matrix.rows; first += kTileRows) {
        const std::int64_t rows = std::min(kTileRows, matrix.rows - first);
        const std::uint8_t* bytes = matrix.data.as<std::uint8_t>() + first * rowBytes;
        Gemm job{reinterpret_cast<const float*>(bytes), x, out + first, rows, matrix.cols, tokens, matrix.rows};
        if (matrix.format != kernels::WeightFormat::F32) {
            LS_STEP(decodeRows({matrix.format, bytes, rows, matrix.cols, nullptr, int(rows), 1.0f, m_tile.as<float>(),
                                matrix.cols},
                               stream),
                    "weights");
            job.weights = m_tile.as<float>();
        }
        if (!m_device.multiplyMany(job))
            return m_device.error();
    }
    if (!matrix.bias.as<float>())
        return {};
    return problemOf(
        addToRows(matrix.bias.as<float>(), out, tokens, matrix.rows, matrix.rows, nullptr, nullptr, stream), "bias");
}

Problem Decoder::promptBranchEnd(const DeviceMatrix& matrix, const DeviceBuffer& norm, const float* x, int tokens)
{
    if (Problem p = promptProduct(matrix, x, m_branch.as<float>(), tokens); !p.empty())
        return p;
    return problemOf(addBranch(norm, tokens), "sum");
}

} // namespace ls::cuda
