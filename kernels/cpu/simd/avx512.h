#pragma once

#include <immintrin.h>

#include <cstdint>

/// 16 lanes of 32 bits in one register. Only for files compiled with AVX-512; everything has internal linkage, so the
/// linker cannot hand such code to a file for older processors.
#define LS_INLINE inline __attribute__((always_inline))

namespace ls::kernels {
namespace {

struct Floats {
    __m512 v;
};
struct Ints { // also 64 bytes
    __m512i v;
};

LS_INLINE Floats broadcast(float x)
{
    return {_mm512_set1_ps(x)};
}
LS_INLINE Floats load(const float* p)
{
    return {_mm512_loadu_ps(p)};
}
LS_INLINE void store(float* p, Floats a)
{
    _mm512_storeu_ps(p, a.v);
}
LS_INLINE Floats loadHalves(const std::uint16_t* p)
{
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
LS_INLINE void storeHalves(std::uint16_t* p, Floats a)
{
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
LS_INLINE Floats operator+(Floats a, Floats b)
{
    return {_mm512_add_ps(a.v, b.v)};
}
LS_INLINE Floats operator-(Floats a, Floats b)
{
    return {_mm512_sub_ps(a.v, b.v)};
}
LS_INLINE Floats operator*(Floats a, Floats b)
{
    return {_mm512_mul_ps(a.v, b.v)};
}
LS_INLINE Floats operator/(Floats a, Floats b)
{
    return {_mm512_div_ps(a.v, b.v)};
}
LS_INLINE Floats fma(Floats a, Floats b, Floats c)
{
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
/// b where a is smaller or either is NaN: the second operand's NaN survives.
LS_INLINE Floats larger(Floats a, Floats b)
{
    return {_mm512_max_ps(a.v, b.v)};
}
LS_INLINE Floats smaller(Floats a, Floats b)
{
    return {_mm512_min_ps(a.v, b.v)};
}
/// Whether a lane of the first is greater than that of the second, or either is NaN.
LS_INLINE bool anyAbove(Floats a, Floats b)
{
    return _mm512_cmp_ps_mask(a.v, b.v, _CMP_NLE_UQ) != 0;
}
/// Lanes from n on become `other`.
LS_INLINE Floats firstLanes(Floats a, int n, Floats other)
{
    return {_mm512_mask_blend_ps(__mmask16((1u << n) - 1u), other.v, a.v)};
}

LS_INLINE Ints broadcast(std::int32_t x)
{
    return {_mm512_set1_epi32(x)};
}
LS_INLINE Ints loadInts(const void* p)
{
    return {_mm512_loadu_si512(p)};
}
LS_INLINE void store(void* p, Ints a)
{
    _mm512_storeu_si512(p, a.v);
}
LS_INLINE Ints loadU8(const std::uint8_t* p)
{
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
LS_INLINE Ints loadS8(const std::uint8_t* p)
{
    return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
LS_INLINE Ints loadU16(const std::uint16_t* p)
{
    return {_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
/// Lanes must fit.
LS_INLINE void storeS8(std::int8_t* p, Ints a)
{
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
LS_INLINE void storeU16(std::uint16_t* p, Ints a)
{
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(a.v));
}
LS_INLINE Ints operator+(Ints a, Ints b)
{
    return {_mm512_add_epi32(a.v, b.v)};
}
LS_INLINE Ints operator&(Ints a, Ints b)
{
    return {_mm512_and_si512(a.v, b.v)};
}
LS_INLINE Ints operator|(Ints a, Ints b)
{
    return {_mm512_or_si512(a.v, b.v)};
}
LS_INLINE Ints larger(Ints a, Ints b)
{
    return {_mm512_max_epi32(a.v, b.v)};
}
template <int N>
LS_INLINE Ints shiftLeft(Ints a)
{
    return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
LS_INLINE Ints shiftRight(Ints a) // zeros come in
{
    return {_mm512_srli_epi32(a.v, N)};
}
LS_INLINE Ints operator-(Ints a, Ints b)
{
    return {_mm512_sub_epi32(a.v, b.v)};
}
template <int N>
LS_INLINE Ints shiftRightSigned(Ints a)
{
    return {_mm512_srai_epi32(a.v, N)};
}
/// a + sum over the lane's four bytes of u (unsigned) * s (signed). kWide: u uses all eight bits.
template <bool kWide>
LS_INLINE Ints dot(Ints a, Ints u, Ints s)
{
    return {_mm512_dpbusd_epi32(a.v, u.v, s.v)};
}

LS_INLINE Floats toFloats(Ints a)
{
    return {_mm512_cvtepi32_ps(a.v)};
}
LS_INLINE Ints toInts(Floats a)
{
    return {_mm512_cvtps_epi32(a.v)};
} // nearest, ties to even
LS_INLINE Floats asFloats(Ints a)
{
    return {_mm512_castsi512_ps(a.v)};
}
LS_INLINE Ints asInts(Floats a)
{
    return {_mm512_castps_si512(a.v)};
}

LS_INLINE float sum(Floats a)
{
    return _mm512_reduce_add_ps(a.v);
}
LS_INLINE std::int32_t sum(Ints a)
{
    return _mm512_reduce_add_epi32(a.v);
}
LS_INLINE float largest(Floats a) // of lanes without NaN
{
    return _mm512_reduce_max_ps(a.v);
}
LS_INLINE std::int32_t largest(Ints a)
{
    return _mm512_reduce_max_epi32(a.v);
}

/// Lane i of the result is the sum of the lanes of a[i].
LS_INLINE Floats sums(const Floats (&a)[16])
{
    __m512 t[8], u[4];
    for (int i = 0; i < 8; ++i) // pairs of rows, two lanes to one
        t[i] = _mm512_add_ps(_mm512_unpacklo_ps(a[2 * i].v, a[2 * i + 1].v),
                             _mm512_unpackhi_ps(a[2 * i].v, a[2 * i + 1].v));
    for (int i = 0; i < 4; ++i) {
        const __m512d low = _mm512_castps_pd(t[2 * i]), high = _mm512_castps_pd(t[2 * i + 1]);
        u[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                             _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
    }
    // u[i]: in each quarter the sums of rows 4i..4i+3 over that quarter's lanes
    const __m512 first = _mm512_add_ps(_mm512_shuffle_f32x4(u[0], u[1], 0x44), _mm512_shuffle_f32x4(u[0], u[1], 0xEE));
    const __m512 second = _mm512_add_ps(_mm512_shuffle_f32x4(u[2], u[3], 0x44), _mm512_shuffle_f32x4(u[2], u[3], 0xEE));
    return {_mm512_add_ps(_mm512_shuffle_f32x4(first, second, 0x88), _mm512_shuffle_f32x4(first, second, 0xDD))};
}

LS_INLINE void prefetch(const void* p)
{
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

constexpr int kFloatPanels = 3, kFloatTokens = 8; // sums of a tile that fit the registers
constexpr int kInt8Panels = 2;
constexpr int kUnrollLimit = 16;

} // namespace
} // namespace ls::kernels
