#pragma once

#include <cstdint>

namespace ls::kernels {

/// y[r,c] = x[r,c] / sqrt(mean over c of x[r,:]^2 + epsilon) * weight[c]
/// x, y: [rows, cols] row-major, may be the same buffer; weight: [cols].
void rmsNorm(const float* x, const float* weight, float* y, std::int64_t rows, std::int64_t cols, float epsilon);

/// y[r,c] = (x[r,c] - mean of x[r,:]) / sqrt(variance of x[r,:] + epsilon) * weight[c] + bias[c]
/// As rmsNorm; bias: [cols] or null.
void layerNorm(const float* x, const float* weight, const float* bias, float* y, std::int64_t rows, std::int64_t cols,
               float epsilon);

/// Rotates pairs (j, j + width/2) of every head in place by the angle position * base^(-2j/width), as Hugging Face's
/// models do. x: [rows, heads, headWidth]; cosines, sines: [rows, width/2]; width <= headWidth, the rest stays.
void rotate(float* x, const float* cosines, const float* sines, std::int64_t rows, int heads, int headWidth, int width);

} // namespace ls::kernels
