#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/packed_matrix.h"

#include <memory>
#include <span>

/// Matrix products of a transformer block: y = W x for one token (decode) or many (prefill). Block formats are
/// multiplied as they are, with inputs rounded to 15 bits in blocks of 32; F32 and F16 with float32 inputs; BF16 with
/// float32 inputs, or with bfloat inputs for more than kRowTokens tokens (packed: 4) on processors that multiply
/// bfloats. Sums of a row never depend on the number of threads.
namespace ls::kernels {

class WorkerPool;

/// Root mean square norm in front of a product: x / sqrt(mean(x^2) + epsilon) * weight.
struct Norm {
    const float* weight = nullptr; ///< [cols]
    float epsilon = 1e-5f;
};

/// The input of products in the forms that their formats read. Made once, used for all matrices with this input.
class Activations {
public:
    /// Memory for that many tokens and columns in every form; the only allocation. Grows only.
    void reserve(int tokens, std::int64_t cols);

    /// x: [tokens, cols], rows `stride` apart. What the given formats need is prepared. With a norm, the normed rows
    /// are also written to `normed` [tokens, cols] if it is not null.
    void set(WorkerPool& pool, std::span<const WeightFormat> formats, const float* x, int tokens, std::int64_t cols,
             std::int64_t stride, const Norm* norm = nullptr, float* normed = nullptr);

    int tokens() const { return m_tokens; }
    std::int64_t cols() const { return m_cols; }
    int tiles() const { return (m_tokens + m_width - 1) / m_width; }
    int widthIndex() const { return m_widthIndex; } ///< into the columns of KernelTable::product
    int tileTokens(int tile) const;
    ActivationTile tile(int index) const;
    const float* rows() const { return m_rows.get(); } ///< [tokens, cols], of up to kRowTokens tokens

private:
    int m_tokens = 0, m_width = 1, m_widthIndex = 0;
    std::int64_t m_cols = 0, m_tileBytes = 0, m_capacity = 0;
    struct Free {
        void operator()(std::uint8_t* memory) const;
    };
    std::unique_ptr<std::uint8_t[], Free> m_memory;
    std::unique_ptr<float[]> m_rows; // normed rows where the caller does not want them; of few tokens always
    std::int64_t m_rowsCapacity = 0;
};

/// One product: out [tokens, rows] (rows outStride apart) = or += W x (+ bias [rows] if not null).
struct Product {
    const Matrix* weights = nullptr;
    float* out = nullptr;
    std::int64_t outStride = 0;
    bool add = false;
    const float* bias = nullptr;
};

/// All products of one input in one pass of the threads (query, key and value).
void multiply(WorkerPool& pool, const Activations& x, std::span<const Product> products);

/// out [tokens, rows] = act(Wg x) * (Wu x); both matrices have the same rows. `gateOut`, `upOut`: the two products
/// themselves, [tokens, rows] with the same stride, or null.
void multiplyGated(WorkerPool& pool, const Activations& x, Gate kind, const Matrix& gate, const Matrix& up, float* out,
                   std::int64_t outStride, float* gateOut = nullptr, float* upOut = nullptr);

} // namespace ls::kernels
