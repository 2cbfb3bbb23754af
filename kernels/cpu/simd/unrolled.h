#pragma once

/// Loops with compile-time indices: arrays of sums stay in registers. Included after the file that defines LS_INLINE
/// and kUnrollLimit.
#define LS_INLINE_LAMBDA __attribute__((always_inline))

namespace ls::kernels {
namespace {

template <int kValue>
struct Index {
    constexpr operator int() const { return kValue; }
};

/// f(Index<0>()), f(Index<1>()), ...
template <int kCount, int kFrom = 0, class F>
LS_INLINE void withEachIndex(const F& f)
{
    if constexpr (kFrom < kCount) {
        f(Index<kFrom>());
        withEachIndex<kCount, kFrom + 1>(f);
    }
}

/// The same, or a plain loop where so many sums would not fit the registers anyway.
template <int kCount, class F>
LS_INLINE void unrolled(const F& f)
{
    if constexpr (kCount <= kUnrollLimit)
        withEachIndex<kCount>(f);
    else
        for (int i = 0; i < kCount; ++i)
            f(i);
}

} // namespace
} // namespace ls::kernels
