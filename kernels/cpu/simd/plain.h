#pragma once

#include "kernels/cpu/weight_format.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

/// 16 lanes of 32 bits as arrays; meanings as in avx512.h. Runs on every processor.
#define LS_INLINE inline

namespace ls::kernels {
namespace {

struct Floats {
    float v[16];
};
struct Ints {
    std::int32_t v[16];
};

template <class Out, class F>
LS_INLINE Out lanes(const F& f)
{
    Out out;
    for (int i = 0; i < 16; ++i)
        out.v[i] = f(i);
    return out;
}
LS_INLINE std::uint32_t bitsOf(std::int32_t x)
{
    return std::uint32_t(x);
}

LS_INLINE Floats broadcast(float x)
{
    return lanes<Floats>([&](int) { return x; });
}
LS_INLINE Floats load(const float* p)
{
    return lanes<Floats>([&](int i) { return p[i]; });
}
LS_INLINE void store(float* p, const Floats& a)
{
    std::memcpy(p, a.v, sizeof a.v);
}
LS_INLINE Floats loadHalves(const std::uint16_t* p)
{
    return lanes<Floats>([&](int i) { return halfToFloat(p[i]); });
}
LS_INLINE void storeHalves(std::uint16_t* p, const Floats& a)
{
    for (int i = 0; i < 16; ++i)
        p[i] = floatToHalf(a.v[i]);
}
LS_INLINE Floats operator+(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] + b.v[i]; });
}
LS_INLINE Floats operator-(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] - b.v[i]; });
}
LS_INLINE Floats operator*(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] * b.v[i]; });
}
LS_INLINE Floats operator/(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] / b.v[i]; });
}
LS_INLINE Floats fma(const Floats& a, const Floats& b, const Floats& c)
{
    return lanes<Floats>([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
LS_INLINE Floats larger(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
LS_INLINE Floats smaller(const Floats& a, const Floats& b)
{
    return lanes<Floats>([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
/// Whether a lane of the first is greater than that of the second, or either is NaN.
LS_INLINE bool anyAbove(const Floats& a, const Floats& b)
{
    bool any = false;
    for (int i = 0; i < 16; ++i)
        any |= !(a.v[i] <= b.v[i]);
    return any;
}
LS_INLINE Floats firstLanes(const Floats& a, int n, const Floats& other)
{
    return lanes<Floats>([&](int i) { return i < n ? a.v[i] : other.v[i]; });
}

LS_INLINE Ints broadcast(std::int32_t x)
{
    return lanes<Ints>([&](int) { return x; });
}
LS_INLINE Ints loadInts(const void* p)
{
    Ints out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
}
LS_INLINE void store(void* p, const Ints& a)
{
    std::memcpy(p, a.v, sizeof a.v);
}
LS_INLINE Ints loadU8(const std::uint8_t* p)
{
    return lanes<Ints>([&](int i) { return std::int32_t(p[i]); });
}
LS_INLINE Ints loadS8(const std::uint8_t* p)
{
    return lanes<Ints>([&](int i) { return std::int32_t(std::int8_t(p[i])); });
}
LS_INLINE Ints loadU16(const std::uint16_t* p)
{
    return lanes<Ints>([&](int i) { return std::int32_t(p[i]); });
}
LS_INLINE void storeS8(std::int8_t* p, const Ints& a)
{
    for (int i = 0; i < 16; ++i)
        p[i] = std::int8_t(a.v[i]);
}
LS_INLINE void storeU16(std::uint16_t* p, const Ints& a)
{
    for (int i = 0; i < 16; ++i)
        p[i] = std::uint16_t(a.v[i]);
}
LS_INLINE Ints operator+(const Ints& a, const Ints& b)
{
    return lanes<Ints>([&](int i) { return std::int32_t(bitsOf(a.v[i]) + bitsOf(b.v[i])); });
}
LS_INLINE Ints operator&(const Ints& a, const Ints& b)
{
    return lanes<Ints>([&](int i) { return a.v[i] & b.v[i]; });
}
LS_INLINE Ints operator|(const Ints& a, const Ints& b)
{
    return lanes<Ints>([&](int i) { return a.v[i] | b.v[i]; });
}
LS_INLINE Ints larger(const Ints& a, const Ints& b)
{
    return lanes<Ints>([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
template <int N>
LS_INLINE Ints shiftLeft(const Ints& a)
{
    return lanes<Ints>([&](int i) { return std::int32_t(bitsOf(a.v[i]) << N); });
}
template <int N>
LS_INLINE Ints shiftRight(const Ints& a)
{
    return lanes<Ints>([&](int i) { return std::int32_t(bitsOf(a.v[i]) >> N); });
}
LS_INLINE Ints operator-(const Ints& a, const Ints& b)
{
    return lanes<Ints>([&](int i) { return std::int32_t(bitsOf(a.v[i]) - bitsOf(b.v[i])); });
}
template <int N>
Ints shiftRightSigned(const Ints& a)
{
    return lanes<Ints>([&](int i) { return a.v[i] >> N; });
}
template <bool>
LS_INLINE Ints dot(const Ints& a, const Ints& u, const Ints& s)
{
    return lanes<Ints>([&](int i) {
        const auto x = bitsOf(u.v[i]), y = bitsOf(s.v[i]);
        std::int32_t total = a.v[i];
        for (int t = 0; t < 32; t += 8)
            total += std::int32_t((x >> t) & 255) * std::int8_t((y >> t) & 255);
        return total;
    });
}

LS_INLINE Floats toFloats(const Ints& a)
{
    return lanes<Floats>([&](int i) { return float(a.v[i]); });
}
LS_INLINE Ints toInts(const Floats& a)
{
    return lanes<Ints>([&](int i) {
        const float x = std::nearbyint(a.v[i]);
        return x >= -0x1p31f && x < 0x1p31f ? std::int32_t(x) : INT32_MIN; // as the instruction does
    });
}
LS_INLINE Floats asFloats(const Ints& a)
{
    return std::bit_cast<Floats>(a);
}
LS_INLINE Ints asInts(const Floats& a)
{
    return std::bit_cast<Ints>(a);
}

LS_INLINE float sum(const Floats& a)
{
    float t[16];
    std::memcpy(t, a.v, sizeof t);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; ++i)
            t[i] += t[i + half];
    return t[0];
}
LS_INLINE std::int32_t sum(const Ints& a)
{
    std::uint32_t total = 0; // wraps, as the instruction does
    for (const std::int32_t x : a.v)
        total += bitsOf(x);
    return std::int32_t(total);
}
LS_INLINE float largest(const Floats& a) // of lanes without NaN
{
    float highest = a.v[0];
    for (int i = 1; i < 16; ++i)
        highest = a.v[i] > highest ? a.v[i] : highest;
    return highest;
}
LS_INLINE std::int32_t largest(const Ints& a)
{
    std::int32_t best = a.v[0];
    for (const std::int32_t x : a.v)
        best = x > best ? x : best;
    return best;
}
LS_INLINE Floats sums(const Floats (&a)[16])
{
    return lanes<Floats>([&](int i) { return sum(a[i]); });
}

LS_INLINE void prefetch(const void*) {}

constexpr int kFloatPanels = 1, kFloatTokens = 4;
constexpr int kInt8Panels = 1;
constexpr int kUnrollLimit = 1;

} // namespace
} // namespace ls::kernels
