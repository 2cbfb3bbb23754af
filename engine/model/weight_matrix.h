#pragma once

#include "kernels/cpu/packed_matrix.h"

#include <ATen/core/Tensor.h>

#include <memory>

namespace ls {

/// A weight matrix [out, in], or those of a mixture's experts [experts, out, in]. Either a tensor in float32 or
/// bfloat16, or native: in a format of GGUF, laid out as kernels read it (run dtype quantised). Copies share storage.
class WeightMatrix {
public:
    WeightMatrix() = default;
    WeightMatrix(at::Tensor tensor) // NOLINT: a tensor is a matrix wherever one is asked for
        : m_tensor(std::move(tensor))
    {
    }
    /// `first` is the matrix of the first expert, the others follow every `expertBytes`; experts = 0: only one matrix.
    /// `memory` is what keeps the bytes.
    WeightMatrix(const kernels::Matrix& first, std::int64_t experts, std::int64_t expertBytes,
                 std::shared_ptr<const void> memory);

    bool defined() const { return native() || m_tensor.defined(); }
    bool native() const { return m_matrix.data != nullptr; }
    std::int64_t experts() const; ///< 0 where it is one matrix
    std::int64_t rows() const;    ///< of one expert
    std::int64_t cols() const;
    std::int64_t bytes() const;
    bool sameAs(const WeightMatrix& other) const; ///< the same storage

    /// One expert's matrix; no copy.
    WeightMatrix expert(std::int64_t index) const;
    /// As kernels see it; not of experts; without data if undefined.
    kernels::Matrix matrix() const;

    const at::Tensor& tensor() const { return m_tensor; } ///< undefined if native
    /// The tensor; of a native matrix its values as float32, decoded at every call.
    at::Tensor dense() const;
    at::Tensor denseRows(std::int64_t first, std::int64_t count) const; ///< [count, in], likewise; not of experts
    at::Tensor rowsAt(const at::Tensor& ids) const;                     ///< [n, in] of n ids (integers), likewise
    at::ScalarType denseType() const { return native() ? at::kFloat : m_tensor.scalar_type(); }

private:
    at::Tensor m_tensor;
    kernels::Matrix m_matrix;
    std::int64_t m_experts = 0, m_expertBytes = 0;
    std::shared_ptr<const void> m_memory;
};

} // namespace ls
