#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <utility>

/// Random choices that are the same with every standard library (std::uniform_int_distribution and std::shuffle are
/// not), so that a split or a bootstrap interval can be reproduced elsewhere.
namespace ls {

/// Uniform in [0, bound), bound > 0; without the bias of a plain remainder.
inline std::size_t randomBelow(std::mt19937_64& random, std::size_t bound)
{
    const std::uint64_t n = bound, tooHigh = (0 - n) % n; // 2^64 mod n values at the bottom are drawn again
    std::uint64_t draw = random();
    while (draw < tooHigh)
        draw = random();
    return std::size_t(draw % n);
}

/// Fisher-Yates from the back.
template <typename T>
void shuffleInPlace(std::span<T> values, std::mt19937_64& random)
{
    for (std::size_t i = values.size(); i > 1; --i)
        std::swap(values[i - 1], values[randomBelow(random, i)]);
}

} // namespace ls
