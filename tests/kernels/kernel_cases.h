#pragma once

#include "kernels/cpu/variant.h"
#include "kernels/cpu/worker_pool.h"
#include "tests/kernels/kernel_inputs.h"

#include <QtTest>

#include <cmath>

/// What tests of kernels share beside their inputs: packed matrices, a variant for the time of a test.
namespace ls::test {

using namespace ls::kernels;

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
