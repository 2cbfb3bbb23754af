#pragma once

#include <cstdint>

/// Matrix times vector, the work of a decode step at batch 1: every weight is read once, so the speed is that of
/// memory. The best variant for the processor is chosen when the program is loaded.
namespace ls::kernels {

/// y[r] = sum over c of w[r,c] * x[c] for rowBegin <= r < rowEnd.
/// w: [rows, cols] row-major, float32 or bfloat16 bits; x: [cols]; y: [rows]. Sums in float32, several in parallel.
void matvec(const float* w, const float* x, float* y, std::int64_t rowBegin, std::int64_t rowEnd, std::int64_t cols);
void matvecBf16(const std::uint16_t* w, const float* x, float* y, std::int64_t rowBegin, std::int64_t rowEnd,
                std::int64_t cols);

} // namespace ls::kernels
