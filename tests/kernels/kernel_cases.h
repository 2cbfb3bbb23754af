#pragma once

#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/variant.h"
#include "kernels/cpu/worker_pool.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

/// What tests of kernels share: random inputs, weights in every format, a variant for the time of a test.
namespace ls::test {

using namespace ls::kernels;

inline std::vector<float> normalValues(std::size_t count, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> out(count);
    for (float& value : out)
        value = normal(generator);
    return out;
}

/// Random rows of a format, as a file has them, and their values by the plain decoder.
struct Weights {
    Matrix matrix; // not packed
    std::vector<std::uint8_t> bytes;
    std::vector<float> values; // [rows, cols]

    Weights(WeightFormat format, std::int64_t rows, std::int64_t cols, unsigned seed)
        : bytes(std::size_t(rows * rowBytes(format, cols)))
        , values(std::size_t(rows * cols))
    {
        std::mt19937 random(seed);
        const std::int64_t blocks = rows * cols / blockValues(format);
        for (std::int64_t b = 0; b < blocks; ++b)
            fillBlock(format, bytes.data() + b * blockBytes(format), random);
        decodeBlocks(format, bytes.data(), blocks, values.data());
        matrix = {format, rows, cols, bytes.data(), false};
    }

private:
    static void putHalf(std::uint8_t* at, float value)
    {
        const std::uint16_t bits = floatToHalf(value);
        std::memcpy(at, &bits, 2);
    }
    static void fillBlock(WeightFormat format, std::uint8_t* block, std::mt19937& random)
    {
        std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
        if (format == WeightFormat::F32) {
            const float value = uniform(random);
            std::memcpy(block, &value, 4);
        } else if (format == WeightFormat::BF16) {
            const std::uint16_t bits = floatToBfloat(uniform(random));
            std::memcpy(block, &bits, 2);
        } else if (format == WeightFormat::F16) {
            putHalf(block, uniform(random));
        } else {
            for (int i = 0; i < blockBytes(format); ++i)
                block[i] = std::uint8_t(random());
            putHalf(format == WeightFormat::Q6_K ? block + 208 : block, 0.01f * uniform(random)); // of either sign
            if (format == WeightFormat::Q4_1 || format == WeightFormat::Q5_1 || format == WeightFormat::Q4_K ||
                format == WeightFormat::Q5_K)
                putHalf(block + 2, 0.01f * uniform(random));
        }
    }
};

/// 64-byte aligned copy of a matrix in panels, with guards that a write past the end would change.
class Packed {
public:
    Packed(WorkerPool& pool, const Matrix& source, const std::int64_t* order = nullptr)
    {
        const std::int64_t bytes = packedBytes(source.format, source.rows, source.cols);
        m_memory.assign(std::size_t(bytes) + 64 + kGuard, 0xA5);
        m_data = m_memory.data() + (64 - reinterpret_cast<std::uintptr_t>(m_memory.data()) % 64) % 64;
        packMatrix(pool, source, order, m_data);
        matrix = {source.format, source.rows, source.cols, m_data, true};
        m_end = m_data + bytes;
    }
    bool guardHolds() const
    {
        for (int i = 0; i < kGuard; ++i)
            if (m_end[i] != 0xA5)
                return false;
        return true;
    }
    Matrix matrix;

private:
    static constexpr int kGuard = 64;
    std::vector<std::uint8_t> m_memory;
    std::uint8_t *m_data = nullptr, *m_end = nullptr;
};

/// Uses a variant until the end of the scope.
class WithVariant {
public:
    explicit WithVariant(Variant variant)
        : m_before(variantInUse())
    {
        setVariant(variant);
    }
    ~WithVariant() { setVariant(m_before); }
    WithVariant(const WithVariant&) = delete;
    WithVariant& operator=(const WithVariant&) = delete;

private:
    Variant m_before;
};

inline QByteArray nameOf(Variant variant)
{
    return QByteArray(variantName(variant).data(), qsizetype(variantName(variant).size()));
}
inline QByteArray nameOf(WeightFormat format)
{
    return QByteArray(weightFormatName(format).data(), qsizetype(weightFormatName(format).size()));
}

} // namespace ls::test
