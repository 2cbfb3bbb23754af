#include "kernels/cpu/matvec.h"

#include <bit>

// One source for all processors: gcc compiles these functions for AVX-512, AVX2 and plain x86-64 and picks at load
// time. ThreadSanitizer starts after the choice is made and does not know it, so it gets the plain version.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define LS_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LS_CLONES
#endif

namespace ls::kernels {

namespace {

constexpr int kLanes = 64; // independent sums: four vectors of 16 hide the latency of an addition

float total(const float* sums)
{
    double sum = 0;
    for (int lane = 0; lane < kLanes; ++lane)
        sum += sums[lane];
    return float(sum);
}

} // namespace

LS_CLONES
void matvec(const float* w, const float* x, float* y, std::int64_t rowBegin, std::int64_t rowEnd, std::int64_t cols)
{
    for (std::int64_t r = rowBegin; r < rowEnd; ++r) {
        const float* row = w + r * cols;
        float sums[kLanes] = {};
        std::int64_t c = 0;
        for (; c + kLanes <= cols; c += kLanes)
            for (int lane = 0; lane < kLanes; ++lane)
                sums[lane] += row[c + lane] * x[c + lane];
        for (int lane = 0; c < cols; ++c, ++lane)
            sums[lane] += row[c] * x[c];
        y[r] = total(sums);
    }
}

LS_CLONES
void matvecBf16(const std::uint16_t* w, const float* x, float* y, std::int64_t rowBegin, std::int64_t rowEnd,
                std::int64_t cols)
{
    for (std::int64_t r = rowBegin; r < rowEnd; ++r) {
        const std::uint16_t* row = w + r * cols;
        float sums[kLanes] = {};
        std::int64_t c = 0;
        for (; c + kLanes <= cols; c += kLanes)
            for (int lane = 0; lane < kLanes; ++lane)
                sums[lane] += std::bit_cast<float>(std::uint32_t(row[c + lane]) << 16) * x[c + lane];
        for (int lane = 0; c < cols; ++c, ++lane)
            sums[lane] += std::bit_cast<float>(std::uint32_t(row[c]) << 16) * x[c];
        y[r] = total(sums);
    }
}

} // namespace ls::kernels
