#pragma once

#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/worker_pool.h"
#include "kernels/cuda/module/description.h"
#include "tests/kernels/kernel_inputs.h"

#include <deque>
#include <memory>

/// A model of random weights in mixed formats, as a description for kernels/cuda/module and as a forward pass on
/// kernels/cpu, one token after the other.
namespace ls::test {

struct TinyShape {
    int layers = 3, width = 256, heads = 4, kvHeads = 2, headWidth = 32, mlpWidth = 256, vocabulary = 131,
        capacity = 300;
    bool gated = true, postNorms = false, headNorms = false, biases = false, caps = false, tied = false, scales = false;
    bool floats = false; ///< every matrix float32
    int turned = 32, windowOfLayer1 = 0;
    Gate gate = Gate::Silu;
    CacheType cache = CacheType::F16;
};

class TinyModel {
public:
    explicit TinyModel(const TinyShape& shape)
        : s(shape)
    {
        const int heads = s.heads * s.headWidth, kv = s.kvHeads * s.headWidth;
        using F = WeightFormat;
        const F formats[3][6] = {{F::Q8_0, F::Q4_0, F::Q6_K, F::Q5_1, F::Q4_K, F::Q6_K},
                                 {F::Q4_K, F::Q4_K, F::Q5_K, F::BF16, F::Q4_1, F::Q5_0},
                                 {F::BF16, F::F16, F::F32, F::Q8_0, F::BF16, F::Q5_K}};
        for (int l = 0; l < s.layers; ++l) {
            const F* f = formats[l % 3];
            LsCudaLayer layer{};
            layer.q = matrix(f[0], heads, s.width);
            layer.k = matrix(f[1], kv, s.width);
            layer.v = matrix(f[2], kv, s.width);
            layer.o = matrix(f[3], s.width, heads);
            if (s.gated)
                layer.gate = matrix(f[4], s.mlpWidth, s.width);
            layer.up = matrix(f[4], s.mlpWidth, s.width);
            layer.down = matrix(f[5], s.width, s.mlpWidth);
            layer.attnNorm = norm(s.width);
            layer.mlpNorm = norm(s.width);
            layer.attnPostNorm = s.postNorms ? norm(s.width) : nullptr;
            layer.mlpPostNorm = s.postNorms ? norm(s.width) : nullptr;
            layer.qNorm = s.headNorms ? norm(s.headWidth) : nullptr;
            layer.kNorm = s.headNorms ? norm(s.headWidth) : nullptr;
            layer.window = l == 1 ? s.windowOfLayer1 : 0;
            layer.rotary = l == 2 ? -1 : 0;
            m_layers.push_back(layer);
        }
        m_cosines = &floats(std::size_t(s.capacity * s.turned / 2), 1.0f);
        m_sines = &floats(m_cosines->size(), 1.0f);
        m_tables[0] = m_cosines->data();
        m_tables[1] = m_sines->data();
        description = {s.layers,
                       s.width,
                       s.heads,
                       s.kvHeads,
                       s.headWidth,
                       s.mlpWidth,
                       s.vocabulary,
                       int(s.cache),
                       int(s.gate),
                       s.capacity,
                       1e-5f,
                       0.02f,
                       s.caps ? 3.0f : 0.0f,
                       s.caps ? 10.0f : 0.0f,
                       1.5f,
                       s.scales ? 0.5f : 1.0f,
                       s.scales ? 0.25f : 1.0f,
                       m_layers.data(),
                       matrix(F::Q8_0, s.vocabulary, s.width, false)};
        if (!s.tied)
            description.output = matrix(F::Q6_K, s.vocabulary, s.width, false);
        description.finalNorm = norm(s.width);
        description.turned = s.turned;
        description.rotaryTables = 1;
        description.cosines = &m_tables[0];
        description.sines = &m_tables[1];
        restart();
    }

    void restart()
    {
        m_keys.assign(std::size_t(s.layers), {});
        m_values.assign(std::size_t(s.layers), {});
        for (std::size_t l = 0; l < m_keys.size(); ++l) {
            m_keys[l].resize(std::size_t(s.kvHeads * s.capacity * s.headWidth * 4));
            m_values[l].resize(m_keys[l].size());
        }
        m_rows.assign(std::size_t(s.layers), 0);
        m_position = 0;
    }

    /// Logits of the next token under a plan; `streams` [layers]: the stream after each block.
    std::vector<float> step(std::int32_t token, const LsCudaPlan& plan = {})
    {
        std::vector<float> x(std::size_t(s.width));
        const Weights& table = weightsOf(description.embedding);
        for (std::size_t c = 0; c < x.size(); ++c)
            x[c] = 1.5f * table.values[std::size_t(token) * x.size() + c];
        streams.clear();
        for (int l = 0; l < s.layers; ++l) {
            if (!plan.attentionRuns || plan.attentionRuns[l])
                attention(l, x, plan);
            if (!plan.mlpRuns || plan.mlpRuns[l])
                mlp(l, x);
            for (int e = 0; e < plan.editCount; ++e)
                if (plan.edits[e].layer == l)
                    edit(plan.edits[e], x);
            streams.push_back(x);
        }
        ++m_position;
        auto logits = product(s.tied ? description.embedding : description.output, x, description.finalNorm);
        for (float& value : logits) {
            value *= s.scales ? 0.25f : 1.0f;
            if (s.caps)
                value = 10.0f * std::tanh(value / 10.0f);
        }
        return logits;
    }

    TinyShape s;
    LsCudaModel description{};
    std::vector<std::vector<float>> streams;

private:
    std::vector<float>& floats(std::size_t count, float scale)
    {
        m_floats.push_back(normalValues(count, ++m_seed));
        for (float& value : m_floats.back())
            value *= scale;
        return m_floats.back();
    }
    const float* norm(int width)
    {
        auto& values = floats(std::size_t(width), 0.2f);
        for (float& value : values)
            value += 1.0f;
        return values.data();
    }
    LsCudaMatrix matrix(WeightFormat format, int rows, int cols, bool mayHaveBias = true)
    {
        if (s.floats)
            format = WeightFormat::F32;
        m_weights.push_back(std::make_unique<Weights>(format, rows, cols, ++m_seed));
        const float* bias = s.biases && mayHaveBias ? floats(std::size_t(rows), 0.3f).data() : nullptr;
        return {int(format), rows, cols, m_weights.back()->bytes.data(), bias};
    }
    const Weights& weightsOf(const LsCudaMatrix& m) const
    {
        for (const auto& w : m_weights)
            if (w->bytes.data() == m.data)
                return *w;
        std::abort(); // every matrix is one of ours
    }

    std::vector<float> product(const LsCudaMatrix& m, const std::vector<float>& x, const float* normWeight)
    {
        const Weights& w = weightsOf(m);
        const Norm before{normWeight, 1e-5f};
        Activations input;
        input.set(m_pool, {&w.matrix.format, 1}, x.data(), 1, m.cols, m.cols, normWeight ? &before : nullptr);
        std::vector<float> out(std::size_t(m.rows));
        const Product job{&w.matrix, out.data(), m.rows, false, m.bias};
        multiply(m_pool, input, {&job, 1});
        return out;
    }
    void add(std::vector<float> branch, const float* postNorm, std::vector<float>& x)
    {
        if (postNorm)
            rmsNorm(branch.data(), postNorm, branch.data(), 1, s.width, 1e-5f);
        for (std::size_t c = 0; c < x.size(); ++c)
            x[c] += branch[c] * (s.scales ? 0.5f : 1.0f);
    }
    void attention(int l, std::vector<float>& x, const LsCudaPlan& plan)
    {
        const LsCudaLayer& layer = m_layers[std::size_t(l)];
        auto q = product(layer.q, x, layer.attnNorm), k = product(layer.k, x, layer.attnNorm),
             v = product(layer.v, x, layer.attnNorm);
        if (s.headNorms) {
            rmsNorm(q.data(), layer.qNorm, q.data(), s.heads, s.headWidth, 1e-5f);
            rmsNorm(k.data(), layer.kNorm, k.data(), s.kvHeads, s.headWidth, 1e-5f);
        }
        const HeadShape shape{s.heads, s.kvHeads, s.headWidth, 0.02f, s.caps ? 3.0f : 0.0f};
        Rotary rotary;
        if (layer.rotary >= 0)
            rotary = {m_cosines->data() + m_position * s.turned / 2, m_sines->data() + m_position * s.turned / 2,
                      s.turned};
        std::int64_t& rows = m_rows[std::size_t(l)];
        const std::int64_t stride = std::int64_t(s.capacity) * s.headWidth;
        auto &keys = m_keys[std::size_t(l)], &values = m_values[std::size_t(l)];
        rotateAndStore(m_pool, shape, rotary, 1, q.data(), std::int64_t(q.size()), k.data(), std::int64_t(k.size()),
                       v.data(), std::int64_t(v.size()), {s.cache, keys.data(), values.data(), stride, rows});
        ++rows;
        KeyChoice choice;
        const int window = plan.windows ? plan.windows[l] : layer.window;
        if (window > 0)
            choice = {plan.sinks ? plan.sinks[l] : 0, std::max<std::int64_t>(0, rows - window), nullptr, nullptr};
        std::vector<float> z(q.size());
        m_attention.decode(m_pool, shape, q.data(), {s.cache, keys.data(), values.data(), stride, rows}, choice,
                           z.data());
        add(product(layer.o, z, nullptr), layer.attnPostNorm, x);
    }
    void mlp(int l, std::vector<float>& x)
    {
        const LsCudaLayer& layer = m_layers[std::size_t(l)];
        auto up = product(layer.up, x, layer.mlpNorm);
        const auto gate = s.gated ? product(layer.gate, x, layer.mlpNorm) : up;
        const std::vector<float> ones(up.size(), 1.0f);
        gateActivation(s.gate, gate.data(), s.gated ? up.data() : ones.data(), up.data(), std::int64_t(up.size()));
        add(product(layer.down, up, nullptr), layer.mlpPostNorm, x);
    }
    void edit(const LsCudaEdit& e, std::vector<float>& x) const
    {
        if (e.kind == 0 && (m_position < e.from || m_position >= e.to))
            return;
        double product = 1;
        if (e.kind == 1) {
            product = 0;
            for (std::size_t c = 0; c < x.size(); ++c)
                product -= double(x[c]) * e.vector[c];
        }
        for (std::size_t c = 0; c < x.size(); ++c)
            x[c] += float(product) * e.vector[c];
    }

    unsigned m_seed = 100;
    WorkerPool m_pool{1};
    Attention m_attention;
    std::deque<std::vector<float>> m_floats; // a deque: pointers into it stay
    std::vector<std::unique_ptr<Weights>> m_weights;
    std::vector<LsCudaLayer> m_layers;
    std::vector<float>*m_cosines = nullptr, *m_sines = nullptr;
    const float* m_tables[2] = {};
    std::vector<std::vector<std::uint8_t>> m_keys, m_values;
    std::vector<std::int64_t> m_rows;
    int m_position = 0;
};

} // namespace ls::test
