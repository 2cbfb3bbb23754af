#include "kernels/cpu/rms_norm.h"

#include <array>
#include <cmath>

namespace ls::kernels {

void rmsNorm(const float* x, const float* weight, float* y, std::int64_t rows, std::int64_t cols, float epsilon)
{
    constexpr int kLanes = 16; // independent sums: the compiler may use vectors without reordering a sum
    for (std::int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
        std::array<float, kLanes> sums{};
        std::int64_t c = 0;
        for (; c + kLanes <= cols; c += kLanes)
            for (int lane = 0; lane < kLanes; ++lane)
                sums[std::size_t(lane)] += x[c + lane] * x[c + lane];
        double total = 0;
        for (const float sum : sums)
            total += sum;
        for (; c < cols; ++c)
            total += double(x[c]) * x[c];
        const float scale = float(1.0 / std::sqrt(total / double(cols) + epsilon));
        for (c = 0; c < cols; ++c)
            y[c] = x[c] * scale * weight[c];
    }
}

void layerNorm(const float* x, const float* weight, const float* bias, float* y, std::int64_t rows, std::int64_t cols,
               float epsilon)
{
    for (std::int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
        double sum = 0, squares = 0;
        for (std::int64_t c = 0; c < cols; ++c)
            sum += x[c];
        const double mean = sum / double(cols);
        for (std::int64_t c = 0; c < cols; ++c)
            squares += (x[c] - mean) * (x[c] - mean);
        const double scale = 1.0 / std::sqrt(squares / double(cols) + epsilon);
        for (std::int64_t c = 0; c < cols; ++c)
            y[c] = float((x[c] - mean) * scale) * weight[c] + (bias ? bias[c] : 0.0f);
    }
}

void rotate(float* x, const float* cosines, const float* sines, std::int64_t rows, int heads, int headWidth, int width)
{
    const int half = width / 2;
    for (std::int64_t r = 0; r < rows; ++r, cosines += half, sines += half) {
        for (int h = 0; h < heads; ++h, x += headWidth) {
            for (int j = 0; j < half; ++j) {
                const float first = x[j], second = x[j + half];
                x[j] = first * cosines[j] - second * sines[j];
                x[j + half] = second * cosines[j] + first * sines[j];
            }
        }
    }
}

} // namespace ls::kernels
