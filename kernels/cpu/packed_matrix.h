#pragma once

#include "kernels/cpu/weight_format.h"

namespace ls::kernels {

class WorkerPool;

/// A weight matrix W [rows, cols] as kernels see it; the memory is the caller's.
struct Matrix {
    WeightFormat format = WeightFormat::F32;
    std::int64_t rows = 0, cols = 0;
    const std::uint8_t* data = nullptr;
    bool packed = false; ///< panels of 16 rows (panel_layout.h); else rows one after the other, as a GGUF file has them
};

/// Bytes of one panel of 16 rows, a multiple of 64, and of the whole packed matrix.
std::int64_t panelBytes(WeightFormat format, std::int64_t cols);
std::int64_t packedBytes(WeightFormat format, std::int64_t rows, std::int64_t cols);

/// Packs the rows of `source` (not packed) into `out` (packedBytes, 64-byte aligned). Row r of the result is row
/// order[r] of the source, or row r where order is null. Missing rows of the last panel become zero.
void packMatrix(WorkerPool& pool, const Matrix& source, const std::int64_t* order, std::uint8_t* out);

/// One panel: `rowCount` rows (1 to 16) that start at rows[0], rows[1], ...
void packPanel(WeightFormat format, std::int64_t cols, const std::uint8_t* const* rows, int rowCount,
               std::uint8_t* out);

/// Row `row` in the file's layout, byte for byte what was packed; `out`: rowBytes.
void unpackRow(const Matrix& matrix, std::int64_t row, std::uint8_t* out);
/// Row `row` as float32 [cols], packed or not. `scratch`: rowBytes, used if packed.
void decodeRow(const Matrix& matrix, std::int64_t row, float* out, std::uint8_t* scratch);

} // namespace ls::kernels
