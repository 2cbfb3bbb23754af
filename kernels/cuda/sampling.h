#pragma once

#include "kernels/cuda/launch.h"

/// Drawing the next token on the device. Everything after the exponential is integers, so the same logits, seed and
/// step give the same token whatever the order of threads.
///
/// Order: larger logit first, of equals the smaller id; -0 equals +0; NaN comes after everything and is never drawn.
/// Greedy (temperature 0): the first; 0 if all are NaN.
/// Else each token has the weight floor(2^40 * exp((logit - largest) / temperature) + 1/2) in float32, an
/// integer (equal to the largest: 2^40). Top-k keeps the first k of the order (0: all), top-p then the shortest
/// beginning of what is left whose weights sum to at least ceil(topP * sum of what is left). The token is the one with
/// the smallest id such that the weights of the kept tokens up to it sum to more than floor(r * sum / 2^64), where r is
/// 64 bits of Philox 4x32-10 with the seed as key and the counter (step, stream): words 0 and 1 of its output, word 0
/// the lower half.
namespace ls::cuda {

struct Sampling {
    const float* logits = nullptr; ///< [rows, count], `stride` from row to row
    int rows = 1;
    std::int64_t count = 0, stride = 0; ///< count at most 2^20
    float temperature = 0;              ///< 0: greedy
    int topK = 0;                       ///< 0: all
    float topP = 1;                     ///< in (0, 1]
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;           ///< tells lanes with one seed apart; row i draws with stream + i
    const std::int64_t* step = nullptr; ///< on the device; null: 0
    std::int32_t* tokens = nullptr;     ///< [rows]
};

/// A block of up to 1024 threads for each row. BadShape: count < 1 or > 2^20, negative or non-finite temperature, topK
/// < 0, topP outside (0, 1].
Launch sampleTokens(const Sampling& job, Stream stream);

/// Words 0 and 1 of Philox 4x32-10 (Salmon et al. 2011) for the counter (lower half of step, upper half of step,
/// stream, 0).
std::uint64_t philox(std::uint64_t seed, std::uint64_t step, std::uint32_t stream);

} // namespace ls::cuda
