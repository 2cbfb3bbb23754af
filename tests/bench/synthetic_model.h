#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/huge_memory.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/worker_pool.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

/// A llama-shaped model with random weights that runs on the kernels alone: what a token costs without the engine.
namespace ls::bench {

using namespace ls::kernels;

struct Shape {
    int width = 576, mlpWidth = 1536, blocks = 30, heads = 9, kvHeads = 3, headWidth = 64, vocab = 49152;
    Gate gate = Gate::Silu;
    static Shape smolLm2() { return {}; }
    static Shape gemma270m() { return {640, 2048, 18, 4, 1, 256, 262144, Gate::GeluTanh}; } // its extra norms left out
    std::int64_t attentionWidth() const { return std::int64_t(heads) * headWidth; }
    std::int64_t cacheWidth() const { return std::int64_t(kvHeads) * headWidth; }
};

/// Random blocks with finite scales of about 1/sqrt(cols).
inline void fillRandom(WeightFormat format, std::uint8_t* blocks, std::int64_t count, std::mt19937& random)
{
    const int bytes = blockBytes(format);
    const auto half = [&](std::uint8_t* at, float value) {
        const std::uint16_t bits = floatToHalf(value);
        std::memcpy(at, &bits, 2);
    };
    std::uniform_real_distribution<float> uniform(-0.05f, 0.05f);
    for (std::int64_t b = 0; b < count; ++b, blocks += bytes) {
        if (format == WeightFormat::F32) {
            const float value = uniform(random);
            std::memcpy(blocks, &value, 4);
            continue;
        }
        if (format == WeightFormat::BF16) {
            const std::uint16_t bits = floatToBfloat(uniform(random));
            std::memcpy(blocks, &bits, 2);
            continue;
        }
        if (format == WeightFormat::F16) {
            half(blocks, uniform(random));
            continue;
        }
        for (int i = 0; i < bytes; i += 4) {
            const std::uint32_t word = std::uint32_t(random());
            std::memcpy(blocks + i, &word, std::size_t(std::min(4, bytes - i)));
        }
        const float scale = format == WeightFormat::Q8_0 ? 4e-4f : format == WeightFormat::Q6_K ? 3e-5f : 5e-3f;
        const bool k = format == WeightFormat::Q4_K || format == WeightFormat::Q5_K;
        half(format == WeightFormat::Q6_K ? blocks + 208 : blocks, k ? 1e-4f : scale);
        if (format == WeightFormat::Q4_1 || format == WeightFormat::Q5_1 || k)
            half(blocks + 2, k ? 1e-4f : -0.04f);
    }
}

class PackedWeights {
public:
    /// Packs into `memory`, or into memory of its own.
    PackedWeights(WorkerPool& pool, WeightFormat format, std::int64_t rows, std::int64_t cols, unsigned seed,
                  std::uint8_t* memory = nullptr)
        : m_own(memory ? 0 : packedBytes(format, rows, cols))
    {
        std::uint8_t* out = memory ? memory : m_own.data();
        std::mt19937 random(seed);
        const std::int64_t bytes = rowBytes(format, cols);
        std::vector<std::uint8_t> raw(std::size_t(rows * bytes));
        fillRandom(format, raw.data(), rows * cols / blockValues(format), random);
        packMatrix(pool, {format, rows, cols, raw.data(), false}, nullptr, out);
        matrix = {format, rows, cols, out, true};
    }
    Matrix matrix;

private:
    HugeMemory m_own;
};

/// Which format each kind of matrix has; files give some blocks more bits for values and down projections.
struct Formats {
    WeightFormat queryKey, value, valueOdd, output, gateUp, down, downOdd, vocab;
    /// All the same, but for the vocabulary of 4- and 5-bit files: 8 bits, as llama-quantize does with tied embeddings.
    static Formats all(WeightFormat f)
    {
        const bool few =
            f == WeightFormat::Q4_0 || f == WeightFormat::Q4_1 || f == WeightFormat::Q5_0 || f == WeightFormat::Q5_1;
        return {f, f, f, f, f, f, f, few ? WeightFormat::Q8_0 : f};
    }
    /// gemma-3-270m in Q4_K_M: its 640 columns are no multiple of 256, so much of it is Q5_0 and Q8_0.
    static Formats gemmaQ4_K_M()
    {
        using enum WeightFormat;
        return {Q5_0, Q5_0, Q8_0, Q4_K, Q5_0, Q4_K, Q6_K, Q8_0};
    }
};

class SyntheticModel {
public:
    SyntheticModel(WorkerPool& pool, const Shape& shape, const Formats& formats, CacheType cacheType, int capacity,
                   int chunk)
        : m_pool(pool)
        , m_shape(shape)
        , m_capacity(capacity)
        , m_cacheType(cacheType)
        , m_memory(memoryFor(shape, formats))
        , m_embedding(pool, formats.vocab, shape.vocab, shape.width, 1, take(formats.vocab, shape.vocab, shape.width))
        , m_norm(std::size_t(shape.width), 1.0f)
    {
        for (int i = 0; i < shape.blocks; ++i) {
            const auto weights = [&](WeightFormat f, std::int64_t rows, std::int64_t cols) {
                return std::make_unique<PackedWeights>(pool, f, rows, cols, unsigned(m_weights.size() + 2),
                                                       take(f, rows, cols));
            };
            m_weights.push_back(weights(formats.queryKey, shape.attentionWidth(), shape.width));
            m_weights.push_back(weights(formats.queryKey, shape.cacheWidth(), shape.width));
            m_weights.push_back(weights(i % 2 ? formats.valueOdd : formats.value, shape.cacheWidth(), shape.width));
            m_weights.push_back(weights(formats.output, shape.width, shape.attentionWidth()));
            m_weights.push_back(weights(formats.gateUp, shape.mlpWidth, shape.width));
            m_weights.push_back(weights(formats.gateUp, shape.mlpWidth, shape.width));
            m_weights.push_back(weights(i % 2 ? formats.downOdd : formats.down, shape.width, shape.mlpWidth));
            const std::int64_t bytes = std::int64_t(capacity) * shape.cacheWidth() * cacheValueBytes(cacheType);
            m_keys.emplace_back(bytes);
            m_values.emplace_back(bytes);
        }
        const auto floats = [&](std::int64_t n) { return std::vector<float>(std::size_t(n * chunk)); };
        m_stream = floats(shape.width);
        m_q = floats(shape.attentionWidth());
        m_k = floats(shape.cacheWidth());
        m_v = floats(shape.cacheWidth());
        m_z = floats(shape.attentionWidth());
        m_hidden = floats(shape.mlpWidth);
        m_logits.resize(std::size_t(shape.vocab));
        m_row.resize(std::size_t(rowBytes(formats.vocab, shape.width)));
        for (int p = 0; p < capacity; ++p)
            for (int j = 0; j < shape.headWidth / 2; ++j) {
                const double angle = p * std::pow(10000.0, -2.0 * j / shape.headWidth);
                m_cosines.push_back(float(std::cos(angle)));
                m_sines.push_back(float(std::sin(angle)));
            }
        m_attention.reserve(pool, heads(), capacity, chunk);
        m_input.reserve(chunk, std::max(shape.width, shape.mlpWidth));
        m_input.reserve(1, std::max(shape.width, shape.mlpWidth));
    }

    void clear() { m_length = 0; }
    int length() const { return m_length; }
    std::int64_t weightBytes() const
    {
        std::int64_t bytes = rowBytes(m_embedding.matrix.format, m_shape.width) * m_shape.vocab;
        for (const auto& w : m_weights)
            bytes += rowBytes(w->matrix.format, w->matrix.cols) * w->matrix.rows;
        return bytes;
    }
    const std::vector<float>& logits() const { return m_logits; }

    /// Appends n tokens; returns the next one (greedy).
    int run(const std::int32_t* ids, int n)
    {
        for (int t = 0; t < n; ++t)
            decodeRow(m_embedding.matrix, ids[t], m_stream.data() + std::int64_t(t) * m_shape.width, m_row.data());
        for (int block = 0; block < m_shape.blocks; ++block)
            runBlock(block, n);
        m_length += n;
        const Norm norm{m_norm.data(), 1e-5f};
        const Matrix& vocab = m_embedding.matrix;
        m_input.set(m_pool, {&vocab.format, 1}, m_stream.data() + std::int64_t(n - 1) * m_shape.width, 1, m_shape.width,
                    m_shape.width, &norm);
        const Product logits{&vocab, m_logits.data(), m_shape.vocab};
        multiply(m_pool, m_input, {&logits, 1});
        return int(argmax(m_logits.data(), m_shape.vocab));
    }

private:
    static std::int64_t memoryFor(const Shape& s, const Formats& f)
    {
        const auto most = [](WeightFormat a, WeightFormat b, std::int64_t rows, std::int64_t cols) {
            return std::max(packedBytes(a, rows, cols), packedBytes(b, rows, cols));
        };
        const std::int64_t block =
            packedBytes(f.queryKey, s.attentionWidth(), s.width) + packedBytes(f.queryKey, s.cacheWidth(), s.width) +
            most(f.value, f.valueOdd, s.cacheWidth(), s.width) + packedBytes(f.output, s.width, s.attentionWidth()) +
            2 * packedBytes(f.gateUp, s.mlpWidth, s.width) + most(f.down, f.downOdd, s.width, s.mlpWidth);
        return s.blocks * block + packedBytes(f.vocab, s.vocab, s.width);
    }
    std::uint8_t* take(WeightFormat format, std::int64_t rows, std::int64_t cols)
    {
        std::uint8_t* out = m_memory.data() + m_taken;
        m_taken += packedBytes(format, rows, cols);
        return out;
    }
    HeadShape heads() const
    {
        return {m_shape.heads, m_shape.kvHeads, m_shape.headWidth, 1.0f / std::sqrt(float(m_shape.headWidth)), 0.0f};
    }
    const Matrix& weights(int block, int index) const { return m_weights[std::size_t(block * 7 + index)]->matrix; }

    void runBlock(int block, int n)
    {
        const Norm norm{m_norm.data(), 1e-5f};
        const std::int64_t d = m_shape.width, a = m_shape.attentionWidth(), c = m_shape.cacheWidth(),
                           f = m_shape.mlpWidth;
        const Matrix *wq = &weights(block, 0), *wk = &weights(block, 1), *wv = &weights(block, 2),
                     *wo = &weights(block, 3), *gate = &weights(block, 4), *up = &weights(block, 5),
                     *down = &weights(block, 6);
        const WeightFormat attentionFormats[] = {wq->format, wk->format, wv->format};
        m_input.set(m_pool, attentionFormats, m_stream.data(), n, d, d, &norm);
        const Product qkv[] = {{wq, m_q.data(), a}, {wk, m_k.data(), c}, {wv, m_v.data(), c}};
        multiply(m_pool, m_input, qkv);
        attend(block, n);
        m_input.set(m_pool, {&wo->format, 1}, m_z.data(), n, a, a);
        const Product output{wo, m_stream.data(), d, true};
        multiply(m_pool, m_input, {&output, 1});

        const WeightFormat mlpFormats[] = {gate->format, up->format};
        m_input.set(m_pool, mlpFormats, m_stream.data(), n, d, d, &norm);
        multiplyGated(m_pool, m_input, m_shape.gate, *gate, *up, m_hidden.data(), f);
        m_input.set(m_pool, {&down->format, 1}, m_hidden.data(), n, f, f);
        const Product result{down, m_stream.data(), d, true};
        multiply(m_pool, m_input, {&result, 1});
    }

    void attend(int block, int n)
    {
        const std::int64_t a = m_shape.attentionWidth(), c = m_shape.cacheWidth();
        const int half = m_shape.headWidth / 2;
        const std::int64_t headStride = std::int64_t(m_capacity) * m_shape.headWidth;
        std::uint8_t *keys = m_keys[std::size_t(block)].data(), *values = m_values[std::size_t(block)].data();
        const Rotary rotary{m_cosines.data() + m_length * half, m_sines.data() + m_length * half, m_shape.headWidth};
        rotateAndStore(m_pool, heads(), rotary, n, m_q.data(), a, m_k.data(), c, m_v.data(), c,
                       {m_cacheType, keys, values, headStride, m_length});
        const CacheView cache{m_cacheType, keys, values, headStride, m_length + n};
        if (n == 1)
            m_attention.decode(m_pool, heads(), m_q.data(), cache, {}, m_z.data());
        else
            m_attention.prefill(m_pool, heads(), m_q.data(), a, n, cache, 0, nullptr, m_z.data(), a);
    }

    WorkerPool& m_pool;
    Shape m_shape;
    int m_capacity, m_length = 0;
    CacheType m_cacheType;
    HugeMemory m_memory; // all weights
    std::int64_t m_taken = 0;
    PackedWeights m_embedding;
    std::vector<std::unique_ptr<PackedWeights>> m_weights; // q, k, v, o, gate, up, down of every block
    std::vector<HugeMemory> m_keys, m_values;
    std::vector<float> m_norm, m_stream, m_q, m_k, m_v, m_z, m_hidden, m_logits, m_cosines, m_sines;
    std::vector<std::uint8_t> m_row;
    Activations m_input;
    Attention m_attention;
};

} // namespace ls::bench
