#include "engine/model/weight_matrix.h"

#include <ATen/Parallel.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

namespace ls {

namespace {

/// Rows rowOf(0), rowOf(1), ... as float32 [count, cols].
template <class RowOf>
at::Tensor decoded(const kernels::Matrix& matrix, std::int64_t count, const RowOf& rowOf)
{
    at::Tensor out = at::empty({count, matrix.cols}, at::kFloat);
    float* values = out.data_ptr<float>();
    constexpr std::int64_t kGrain = 64 * 1024; // values below which a second thread costs more than it gains
    at::parallel_for(0, count, std::max<std::int64_t>(1, kGrain / matrix.cols), [&](std::int64_t i, std::int64_t end) {
        std::vector<std::uint8_t> scratch(std::size_t(kernels::rowBytes(matrix.format, matrix.cols)));
        for (; i < end; ++i)
            kernels::decodeRow(matrix, rowOf(i), values + i * matrix.cols, scratch.data());
    });
    return out;
}

kernels::Matrix matrixOf(const at::Tensor& tensor)
{
    kernels::Matrix matrix;
    matrix.format = tensor.scalar_type() == at::kFloat ? kernels::WeightFormat::F32 : kernels::WeightFormat::BF16;
    matrix.rows = tensor.size(0);
    matrix.cols = tensor.size(1);
    matrix.data = static_cast<const std::uint8_t*>(tensor.const_data_ptr());
    return matrix;
}

} // namespace

WeightMatrix::WeightMatrix(const kernels::Matrix& first, std::int64_t experts, std::int64_t expertBytes,
                           std::shared_ptr<const void> memory)
    : m_matrix(first)
    , m_experts(experts)
    , m_expertBytes(expertBytes)
    , m_memory(std::move(memory))
{
}

std::int64_t WeightMatrix::experts() const
{
    if (native())
        return m_experts;
    return m_tensor.defined() && m_tensor.dim() == 3 ? m_tensor.size(0) : 0;
}

std::int64_t WeightMatrix::rows() const
{
    return native() ? m_matrix.rows : m_tensor.size(-2);
}

std::int64_t WeightMatrix::cols() const
{
    return native() ? m_matrix.cols : m_tensor.size(-1);
}

std::int64_t WeightMatrix::bytes() const
{
    if (native())
        return m_expertBytes * std::max<std::int64_t>(1, m_experts);
    return m_tensor.defined() ? std::int64_t(m_tensor.nbytes()) : 0;
}

bool WeightMatrix::sameAs(const WeightMatrix& other) const
{
    return m_matrix.data == other.m_matrix.data && m_tensor.is_same(other.m_tensor);
}

WeightMatrix WeightMatrix::expert(std::int64_t index) const
{
    if (!native())
        return m_tensor.select(0, index);
    WeightMatrix out(m_matrix, 0, m_expertBytes, m_memory);
    out.m_matrix.data += index * m_expertBytes;
    return out;
}

kernels::Matrix WeightMatrix::matrix() const
{
    return native() || !m_tensor.defined() ? m_matrix : matrixOf(m_tensor);
}

at::Tensor WeightMatrix::dense() const
{
    if (!native())
        return m_tensor;
    if (m_experts == 0)
        return denseRows(0, m_matrix.rows);
    at::Tensor out = at::empty({m_experts, m_matrix.rows, m_matrix.cols}, at::kFloat);
    for (std::int64_t i = 0; i < m_experts; ++i)
        out.select(0, i).copy_(expert(i).dense());
    return out;
}

at::Tensor WeightMatrix::denseRows(std::int64_t first, std::int64_t count) const
{
    if (!native())
        return m_tensor.narrow(0, first, count);
    return decoded(m_matrix, count, [&](std::int64_t i) { return first + i; });
}

at::Tensor WeightMatrix::rowsAt(const at::Tensor& ids) const
{
    if (!native())
        return at::embedding(m_tensor, ids);
    const at::Tensor wide = ids.to(at::kLong).contiguous();
    const std::int64_t* rows = wide.const_data_ptr<std::int64_t>();
    return decoded(m_matrix, wide.numel(), [&](std::int64_t i) { return rows[i]; });
}

} // namespace ls
