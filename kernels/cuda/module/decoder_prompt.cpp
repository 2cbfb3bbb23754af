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

Problem Decoder::prompt(const Plan& plan, std::span<const std::int32_t> tokens, LsCudaOutputs out)
{
    if (!plan.taps.empty() && !out.taps)
        return "taps of a prompt are handed out at once or not at all";
    const Stream stream = m_device.stream();
    const std::size_t tapStride = tokens.size() * std::size_t(m_model.width);
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
        for (int l = -1; l < m_model.layers; ++l) {
            if (Problem p = l < 0 ? Problem() : promptLayer(plan, l, last); !p.empty())
                return p;
            if (Problem p = promptTaps(plan, l, last, tapStride, out.taps); !p.empty())
                return p;
        }
        tokens = tokens.subspan(count);
        if (out.taps)
            out.taps += count * std::size_t(m_model.width);
        if (out.logits) {
            if (Problem p = rowLogits(last, out.logits); !p.empty())
                return p;
            out.logits += std::int64_t(last) * m_model.vocabulary;
        }
        StepEnd end{last, m_now->lengths.as<std::int32_t>(), plan.grows.as<std::int32_t>(), m_model.layers,
                    m_now->position.as<std::int32_t>()};
        if (tokens.empty()) {
            LS_STEP(vocabulary(last), "vocabulary");
            LS_STEP(draw(), "drawing");
            end.step = m_now->step.as<std::int64_t>();
            end.drawn = m_now->next.as<std::int32_t>();
            end.history = m_now->history.as<std::int32_t>();
            end.historyCount = m_now->historyCount.as<std::int32_t>();
            end.historySize = kHistory;
        }
        LS_STEP(endStep(end, stream), "end of a chunk");
        grew(plan, last);
    }
    ++m_now->steps;
    ++m_now->drawn;
    return {};
}

/// The stream to the host; stride: values from tap to tap.
Problem Decoder::promptTaps(const Plan& plan, int layer, int tokens, std::size_t stride, float* out)
{
    const std::size_t bytes = std::size_t(tokens) * std::size_t(m_model.width) * sizeof(float);
    for (std::size_t i = 0; i < plan.taps.size(); ++i)
        if (plan.taps[i].layer == layer && !m_device.copyOut(out + i * stride, m_stream.as<void>(), bytes))
            return m_device.error();
    return {};
}

/// Final norm and vocabulary of the first `tokens` rows of the stream, some at a time, to the host.
Problem Decoder::rowLogits(int tokens, float* out)
{
    constexpr std::int64_t kValues =
        8 << 20; // of a batch of rows, where the vocabulary lets more than a step have that
    const Stream stream = m_device.stream();
    const std::int64_t d = m_model.width, vocabulary = m_model.vocabulary;
    if (m_logitRows == 0) {
        const auto rows = int(std::clamp<std::int64_t>(kValues / vocabulary, kMaxStep, kPromptChunk));
        m_rowLogits = DeviceBuffer(m_device, std::size_t(rows * vocabulary) * sizeof(float));
        if (m_rowLogits.failed())
            return kLsCudaNoMemory;
        m_logitRows = rows;
    }
    const DeviceMatrix& output = m_output.exists() ? m_output : m_embedding;
    float* logits = m_rowLogits.as<float>();
    for (int first = 0; first < tokens; first += m_logitRows) {
        const int rows = std::min(m_logitRows, tokens - first);
        const std::int64_t values = rows * vocabulary;
        const float* x = m_stream.as<float>() + first * d;
        if (rows <= kMaxStep) {
            const MatvecMatrix matrix = matrixOf(output, logits);
            LS_STEP(multiply({x, rows, d, d, m_finalNorm.as<float>(), m_model.normEpsilon}, &matrix, 1, stream),
                    "vocabulary");
        } else {
            LS_STEP(
                normRows({x, m_finalNorm.as<float>(), m_normed.as<float>(), rows, d, d, d, m_model.normEpsilon, false},
                         stream),
                "norm");
            if (Problem p = promptProduct(output, m_normed.as<float>(), logits, rows); !p.empty())
                return p;
        }
        if (m_model.logitScale != 1.0f)
            LS_STEP(scaleValues(m_model.logitScale, logits, values, stream), "logits");
        if (m_model.logitCap > 0)
            LS_STEP(capValues(m_model.logitCap, logits, values, stream), "logits");
        if (!m_device.copyOut(out + first * vocabulary, logits, std::size_t(values) * sizeof(float)))
            return m_device.error();
    }
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
        LS_STEP(rotateAndStore(rotaryOf(index, tokens), stream), "rotary embedding");
        PrefillAttention attend;
        attend.shape = shape();
        attend.q = m_q.as<float>();
        attend.qStride = attend.outStride = heads;
        attend.queries = tokens;
        attend.before = std::int64_t(m_now->rows[std::size_t(index)].size());
        attend.cache = cacheOf(index);
        attend.window = plan.windows[std::size_t(index)];
        attend.sinks = plan.sinks[std::size_t(index)];
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
    return problemOf(edits(plan, index, tokens), "edits");
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
