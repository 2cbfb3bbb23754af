#pragma once

#include "kernels/cpu/kernel_table.h"

/// Functions of single values, norms and conversions. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

/// e^x for -87 <= x <= 88, clamped outside; relative error below 2e-7; NaN stays. Cody-Waite reduction by ln 2 and the
/// polynomial of the Cephes library.
LS_INLINE Floats exponential(Floats x)
{
    x = larger(broadcast(-87.0f), smaller(broadcast(88.0f), x));
    const Ints n = toInts(x * broadcast(1.44269504089f));
    const Floats whole = toFloats(n);
    Floats r = fma(whole, broadcast(-0.693359375f), x);
    r = fma(whole, broadcast(2.12194440e-4f), r);
    Floats p = fma(broadcast(1.9875691500e-4f), r, broadcast(1.3981999507e-3f));
    p = fma(p, r, broadcast(8.3334519073e-3f));
    p = fma(p, r, broadcast(4.1665795894e-2f));
    p = fma(p, r, broadcast(1.6666665459e-1f));
    p = fma(p, r, broadcast(5.0000001201e-1f));
    const Floats y = fma(p, r * r, r + broadcast(1.0f));
    return y * asFloats(shiftLeft<23>(n + broadcast(std::int32_t(127))));
}

LS_INLINE Floats tangent(Floats x) // hyperbolic
{
    const Floats one = broadcast(1.0f);
    return one - broadcast(2.0f) / (exponential(x + x) + one);
}

/// Abramowitz and Stegun 7.1.26, absolute error below 2e-7.
LS_INLINE Floats errorFunction(Floats x)
{
    const Ints sign = asInts(x) & broadcast(std::int32_t(0x80000000));
    const Floats z = asFloats(asInts(x) & broadcast(std::int32_t(0x7FFFFFFF)));
    const Floats t = broadcast(1.0f) / fma(broadcast(0.3275911f), z, broadcast(1.0f));
    Floats p = fma(broadcast(1.061405429f), t, broadcast(-1.453152027f));
    p = fma(p, t, broadcast(1.421413741f));
    p = fma(p, t, broadcast(-0.284496736f));
    p = fma(p, t, broadcast(0.254829592f));
    const Floats y = broadcast(1.0f) - p * t * exponential(broadcast(0.0f) - z * z);
    return asFloats(asInts(y) | sign);
}

LS_INLINE Floats activated(Gate kind, Floats x)
{
    const Floats half = broadcast(0.5f), one = broadcast(1.0f);
    if (kind == Gate::Silu)
        return x / (one + exponential(broadcast(0.0f) - x));
    if (kind == Gate::Gelu)
        return half * x * (one + errorFunction(x * broadcast(0.70710678f)));
    const Floats inner = x * fma(broadcast(0.044715f) * x, x, one) * broadcast(0.79788456f);
    return half * x * (one + tangent(inner));
}

/// Up to 16 values; the rest is zero.
LS_INLINE Floats loadFirst(const float* x, std::int64_t count)
{
    if (count >= 16)
        return load(x);
    float values[16] = {};
    for (std::int64_t i = 0; i < count; ++i)
        values[i] = x[i];
    return load(values);
}
LS_INLINE void storeFirst(float* out, Floats x, std::int64_t count)
{
    if (count >= 16)
        return store(out, x);
    float values[16];
    store(values, x);
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = values[i];
}

void gateValues(Gate kind, const float* gate, const float* up, float* out, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; i += 16) {
        const Floats g = loadFirst(gate + i, count - i), u = loadFirst(up + i, count - i);
        storeFirst(out + i, activated(kind, g) * u, count - i);
    }
}

void addValues(const float* x, float* y, std::int64_t count)
{
    for (std::int64_t i = 0; i < count; i += 16)
        storeFirst(y + i, loadFirst(y + i, count - i) + loadFirst(x + i, count - i), count - i);
}

LS_INLINE float squareRoot(float x)
{
    return __builtin_sqrtf(x);
}

void rmsNormRow(const float* x, const float* weight, float* y, std::int64_t cols, float epsilon)
{
    Floats first = broadcast(0.0f), second = first;
    std::int64_t c = 0;
    for (; c + 32 <= cols; c += 32) {
        const Floats a = load(x + c), b = load(x + c + 16);
        first = fma(a, a, first);
        second = fma(b, b, second);
    }
    for (; c < cols; c += 16) {
        const Floats a = loadFirst(x + c, cols - c);
        first = fma(a, a, first);
    }
    const Floats scale = broadcast(1.0f / squareRoot(sum(first + second) / float(cols) + epsilon));
    for (c = 0; c < cols; c += 16)
        storeFirst(y + c, loadFirst(x + c, cols - c) * scale * loadFirst(weight + c, cols - c), cols - c);
}

/// The largest value's index, the first of equals; NaN is never chosen (0 if there is nothing else).
std::int64_t argmaxOf(const float* x, std::int64_t count)
{
    constexpr std::int64_t kBlock = 1024;
    const float lowest = -__builtin_inff();
    float best = lowest;
    std::int64_t bestBlock = 0;
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
        const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
        Floats highest = broadcast(lowest);
        for (std::int64_t i = begin; i < end; i += 16)
            highest = larger(firstLanes(loadFirst(x + i, end - i), end - i < 16 ? int(end - i) : 16, broadcast(lowest)),
                             highest); // second operand: what a NaN leaves
        float lanes[16];
        store(lanes, highest);
        for (const float lane : lanes) {
            if (lane > best) {
                best = lane;
                bestBlock = begin;
            }
        }
    }
    for (std::int64_t i = bestBlock; i < count && i < bestBlock + kBlock; ++i)
        if (x[i] == best)
            return i;
    return 0;
}

/// Upper halves of 16 float32, rounded to nearest, ties to even.
LS_INLINE Ints toBfloats(Floats x)
{
    const Ints bits = asInts(x);
    const Ints odd = shiftRight<16>(bits) & broadcast(std::int32_t(1));
    return shiftRight<16>(bits + broadcast(std::int32_t(0x7FFF)) + odd);
}

void cacheValues(CacheType type, const float* x, void* out, std::int64_t count)
{
    auto* words = static_cast<std::uint16_t*>(out);
    for (std::int64_t i = 0; i < count; i += 16) {
        const Floats value = loadFirst(x + i, count - i);
        if (type == CacheType::F32) {
            storeFirst(static_cast<float*>(out) + i, value, count - i);
            continue;
        }
        std::uint16_t rounded[16];
        if (type == CacheType::F16)
            storeHalves(rounded, value);
        else
            storeU16(rounded, toBfloats(value));
        const int n = count - i < 16 ? int(count - i) : 16;
        for (int k = 0; k < n; ++k)
            words[i + k] = rounded[k];
    }
}

} // namespace
} // namespace ls::kernels
