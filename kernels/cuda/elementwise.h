#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cuda/launch.h"

/// Small steps between the products. All pointers are to float32 on the device, aligned to 4 bytes; rows are `stride`
/// values apart; negative sizes are BadShape, and nothing is done for sizes of 0.
namespace ls::cuda {

/// y[t, c] = (or +=) x[t, c] / sqrt(mean of x[t]^2 + epsilon) * weight[c]; in place if y is x. A block a row.
struct NormRows {
    const float *x = nullptr, *weight = nullptr;
    float* y = nullptr;
    int tokens = 0;
    std::int64_t cols = 0, xStride = 0, yStride = 0;
    float epsilon = 1e-5f;
    bool add = false;
};
Launch normRows(const NormRows& job, Stream stream);

/// y = act(gate) * up, [count]; y may be either; up may be null: 1.
Launch gateValues(kernels::Gate kind, const float* gate, const float* up, float* y, std::int64_t count, Stream stream);

/// y += factor * x, [count].
Launch addValues(const float* x, float factor, float* y, std::int64_t count, Stream stream);

/// y[t] += vector for tokens whose position is in [range[0], range[1]) (a steering vector); [tokens, cols]. `range`
/// null: all. position: of token 0, on the device (needed with range).
Launch addToRows(const float* vector, float* y, int tokens, std::int64_t cols, std::int64_t stride,
                 const std::int32_t* position, const std::int32_t* range, Stream stream);

/// x[t] -= (x[t] . unit) unit; [tokens, cols]. A block a row.
Launch removeDirection(const float* unit, float* x, int tokens, std::int64_t cols, std::int64_t stride, Stream stream);

/// x *= factor, [count].
Launch scaleValues(float factor, float* x, std::int64_t count, Stream stream);

/// x = cap * tanh(x / cap), [count]; cap > 0.
Launch capValues(float cap, float* x, std::int64_t count, Stream stream);

/// out[i] = scale * row ids[i] of a table in any weight format (rows as in the file), as float32; ids null: row i. Ids
/// outside [0, rowCount) give NaN. A block a row.
struct DecodeRows {
    kernels::WeightFormat format = kernels::WeightFormat::F32;
    const std::uint8_t* rows = nullptr; ///< aligned as MatvecMatrix::rows
    std::int64_t rowCount = 0, cols = 0;
    const std::int32_t* ids = nullptr; ///< on the device
    int count = 0;
    float scale = 1.0f;
    float* out = nullptr; ///< [count, cols], outStride from row to row
    std::int64_t outStride = 0;
    std::uint16_t* bfloats = nullptr; ///< instead of `out`: bfloat16, for cuBLAS
};
Launch decodeRows(const DecodeRows& job, Stream stream);

/// x as bfloat16, [count].
Launch toBfloats(const float* x, std::uint16_t* out, std::int64_t count, Stream stream);

/// The last launch of a decode step: counters on the device move on without the host.
struct StepEnd {
    int tokens = 0;                      ///< of this step
    std::int32_t* lengths = nullptr;     ///< [layers], rows in each layer's cache
    const std::int32_t* grows = nullptr; ///< [layers], 1 where the step wrote rows, 0 where attention was skipped
    int layers = 0;
    std::int32_t* position = nullptr; ///< of the next token
    std::int64_t* step = nullptr;     ///< null: something else counts the steps
    /// The token that was drawn goes to history[*historyCount % historySize].
    const std::int32_t* drawn = nullptr;
    std::int32_t *history = nullptr, *historyCount = nullptr;
    std::int32_t historySize = 0;
};
Launch endStep(const StepEnd& job, Stream stream);

} // namespace ls::cuda
