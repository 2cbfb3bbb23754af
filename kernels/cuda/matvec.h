#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cuda/launch.h"

/// Products of matrices and few tokens, the work of a decode step: every weight is read once for up to eight tokens, so
/// the speed is that of memory. Numbers are those of kernels/cpu: block formats read inputs that are rounded to 15 bits
/// in blocks of 32 (value = scale * q, q = 128 * high + low, scale = largest magnitude / 16256), F32, F16 and BF16 read
/// float32. Sums are float32 in another order than on the CPU.
///
/// Geometry: blocks of 256 threads; each block first puts its input, normed and rounded, into shared memory, then a
/// warp takes one row after the other. Shared bytes a token: cols * 2.25 for block formats, cols * 4 for the others.
/// Tokens that do not fit into 160 KiB together go in several launches; one token that does not fit is TooWide.
namespace ls::cuda {

/// x: [tokens, cols], `stride` values from token to token. With `norm` [cols]: x / sqrt(mean(x^2) + epsilon) * norm.
struct MatvecInput {
    const float* x = nullptr;
    int tokens = 0;
    std::int64_t cols = 0, stride = 0;
    const float* norm = nullptr;
    float epsilon = 1e-5f;
};

/// out[t * outStride + r] = (or +=) rows[r] . x[t] (+ bias[r] if not null). `rows` as in the file: rowBytes each;
/// aligned to 4 bytes, Q8_0, Q4_0, Q5_0, Q6_K, F16 and BF16 to 2 (rows of them may start at odd multiples of two
/// bytes).
struct MatvecMatrix {
    kernels::WeightFormat format = kernels::WeightFormat::F32;
    const std::uint8_t* rows = nullptr;
    std::int64_t rowCount = 0;
    float* out = nullptr;
    std::int64_t outStride = 0;
    bool add = false;
    const float* bias = nullptr;
};
inline constexpr int kMaxMatrices = 3; ///< query, key and value

/// All products of one input; matrices of one format share a launch. No tokens or no rows: nothing happens.
/// BadShape: negative sizes, cols = 0, cols no multiple of the format's block, more than kMaxMatrices.
Launch multiply(const MatvecInput& input, const MatvecMatrix* matrices, int count, Stream stream);

/// out = act(gate x) * (up x); both of the same format and number of rows (else BadShape, Unsupported). Of `gate` and
/// `up`, format, rows, rowCount and bias are read.
Launch multiplyGated(const MatvecInput& input, kernels::Gate kind, const MatvecMatrix& gate, const MatvecMatrix& up,
                     float* out, std::int64_t outStride, Stream stream);

} // namespace ls::cuda
