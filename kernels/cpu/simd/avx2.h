#pragma once

#include <immintrin.h>

#include <cstdint>

/// 16 lanes of 32 bits in two registers; meanings as in avx512.h. Only for files compiled with AVX2, FMA and F16C.
#define LS_INLINE inline __attribute__((always_inline))

namespace ls::kernels {
namespace {

struct Floats {
    __m256 a, b;
};
struct Ints {
    __m256i a, b;
};

LS_INLINE Floats broadcast(float x)
{
    return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
LS_INLINE Floats load(const float* p)
{
    return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
LS_INLINE void store(float* p, Floats x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
LS_INLINE __m128i load128(const void* p)
{
    return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
LS_INLINE void store128(void* p, __m128i x)
{
    _mm_storeu_si128(static_cast<__m128i*>(p), x);
}
LS_INLINE Floats loadHalves(const std::uint16_t* p)
{
    return {_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 8))};
}
LS_INLINE void storeHalves(std::uint16_t* p, Floats x)
{
    store128(p, _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT));
    store128(p + 8, _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT));
}
LS_INLINE Floats operator+(Floats x, Floats y)
{
    return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
LS_INLINE Floats operator-(Floats x, Floats y)
{
    return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
LS_INLINE Floats operator*(Floats x, Floats y)
{
    return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
LS_INLINE Floats operator/(Floats x, Floats y)
{
    return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
LS_INLINE Floats fma(Floats x, Floats y, Floats z)
{
    return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
LS_INLINE Floats larger(Floats x, Floats y)
{
    return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
LS_INLINE Floats smaller(Floats x, Floats y)
{
    return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
/// Whether a lane of the first is greater than that of the second, or either is NaN.
LS_INLINE bool anyAbove(Floats x, Floats y)
{
    return (_mm256_movemask_ps(_mm256_cmp_ps(x.a, y.a, _CMP_NLE_UQ)) |
            _mm256_movemask_ps(_mm256_cmp_ps(x.b, y.b, _CMP_NLE_UQ))) != 0;
}
LS_INLINE Floats firstLanes(Floats x, int n, Floats other)
{
    const __m256i limit = _mm256_set1_epi32(n), lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i low = _mm256_cmpgt_epi32(limit, lanes);
    const __m256i high = _mm256_cmpgt_epi32(limit, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)));
    return {_mm256_blendv_ps(other.a, x.a, _mm256_castsi256_ps(low)),
            _mm256_blendv_ps(other.b, x.b, _mm256_castsi256_ps(high))};
}

LS_INLINE Ints broadcast(std::int32_t x)
{
    return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
LS_INLINE Ints loadInts(const void* p)
{
    const auto* half = static_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(half), _mm256_loadu_si256(half + 1)};
}
LS_INLINE void store(void* p, Ints x)
{
    auto* half = static_cast<__m256i*>(p);
    _mm256_storeu_si256(half, x.a);
    _mm256_storeu_si256(half + 1, x.b);
}
LS_INLINE Ints loadU8(const std::uint8_t* p)
{
    const __m128i bytes = load128(p);
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
LS_INLINE Ints loadS8(const std::uint8_t* p)
{
    const __m128i bytes = load128(p);
    return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
}
LS_INLINE Ints loadU16(const std::uint16_t* p)
{
    return {_mm256_cvtepu16_epi32(load128(p)), _mm256_cvtepu16_epi32(load128(p + 8))};
}
LS_INLINE __m256i packed16(Ints x) // 16 lanes to 16 signed words, in order
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
}
LS_INLINE void storeS8(std::int8_t* p, Ints x)
{
    const __m256i words = packed16(x);
    store128(p, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}
LS_INLINE void storeU16(std::uint16_t* p, Ints x)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(x.a, x.b), 0xD8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
}
LS_INLINE Ints operator+(Ints x, Ints y)
{
    return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
LS_INLINE Ints operator&(Ints x, Ints y)
{
    return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
LS_INLINE Ints operator|(Ints x, Ints y)
{
    return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
LS_INLINE Ints larger(Ints x, Ints y)
{
    return {_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)};
}
template <int N>
LS_INLINE Ints shiftLeft(Ints x)
{
    return {_mm256_slli_epi32(x.a, N), _mm256_slli_epi32(x.b, N)};
}
template <int N>
LS_INLINE Ints shiftRight(Ints x)
{
    return {_mm256_srli_epi32(x.a, N), _mm256_srli_epi32(x.b, N)};
}

LS_INLINE Ints operator-(Ints x, Ints y)
{
    return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
template <int N>
LS_INLINE Ints shiftRightSigned(Ints x)
{
    return {_mm256_srai_epi32(x.a, N), _mm256_srai_epi32(x.b, N)};
}

LS_INLINE __m256i dot8(__m256i a, __m256i u, __m256i s)
{
    return _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
}
template <bool kWide>
LS_INLINE Ints dot(Ints x, Ints u, Ints s)
{
    if constexpr (!kWide)
        return {dot8(x.a, u.a, s.a), dot8(x.b, u.b, s.b)};
    // Two products of 255 * 127 do not fit the 16-bit sum of maddubs: the top bit goes separately.
    const __m256i low = _mm256_set1_epi8(127), top = _mm256_set1_epi8(-128);
    const __m256i a = dot8(x.a, _mm256_and_si256(u.a, low), s.a), b = dot8(x.b, _mm256_and_si256(u.b, low), s.b);
    return {dot8(a, _mm256_and_si256(u.a, top), s.a), dot8(b, _mm256_and_si256(u.b, top), s.b)};
}

LS_INLINE Floats toFloats(Ints x)
{
    return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
LS_INLINE Ints toInts(Floats x)
{
    return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)};
}
LS_INLINE Floats asFloats(Ints x)
{
    return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}
LS_INLINE Ints asInts(Floats x)
{
    return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)};
}

LS_INLINE float sum(Floats x)
{
    const __m256 y = _mm256_add_ps(x.a, x.b);
    __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    z = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}
LS_INLINE std::int32_t sum(Ints x)
{
    const __m256i y = _mm256_add_epi32(x.a, x.b);
    __m128i z = _mm_add_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    z = _mm_add_epi32(z, _mm_shuffle_epi32(z, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(z, _mm_shuffle_epi32(z, 0xB1)));
}
LS_INLINE float largest(Floats a) // of lanes without NaN
{
    const __m256 all = _mm256_max_ps(a.a, a.b);
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
LS_INLINE std::int32_t largest(Ints x)
{
    const __m256i y = _mm256_max_epi32(x.a, x.b);
    __m128i z = _mm_max_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    z = _mm_max_epi32(z, _mm_shuffle_epi32(z, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(z, _mm_shuffle_epi32(z, 0xB1)));
}

/// Sums of eight rows of eight lanes.
LS_INLINE __m256 sums8(const __m256 (&t)[8])
{
    const __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(t[0], t[1]), _mm256_hadd_ps(t[2], t[3]));
    const __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(t[4], t[5]), _mm256_hadd_ps(t[6], t[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
}
LS_INLINE Floats sums(const Floats (&x)[16])
{
    __m256 low[8], high[8];
    for (int i = 0; i < 8; ++i) {
        low[i] = _mm256_add_ps(x[i].a, x[i].b);
        high[i] = _mm256_add_ps(x[i + 8].a, x[i + 8].b);
    }
    return {sums8(low), sums8(high)};
}

LS_INLINE void prefetch(const void* p)
{
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

constexpr int kFloatPanels = 1, kFloatTokens = 4; // sums of a tile that fit the registers
constexpr int kInt8Panels = 1;
constexpr int kUnrollLimit = 4;

} // namespace
} // namespace ls::kernels
