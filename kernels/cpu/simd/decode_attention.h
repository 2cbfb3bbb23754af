#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/unrolled.h"

/// Attention of one query over a part of the keys. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

template <CacheType kType>
struct Cached;
template <>
struct Cached<CacheType::F32> {
    using Value = float;
    static LS_INLINE Floats load16(const float* p) { return load(p); }
};
template <>
struct Cached<CacheType::F16> {
    using Value = std::uint16_t;
    static LS_INLINE Floats load16(const std::uint16_t* p) { return loadHalves(p); }
};
template <>
struct Cached<CacheType::BF16> {
    using Value = std::uint16_t;
    static LS_INLINE Floats load16(const std::uint16_t* p) { return asFloats(shiftLeft<16>(loadU16(p))); }
};
/// Up to 16 values of a row's end; the rest is zero and not read.
template <CacheType kType>
LS_INLINE Floats loadCached(const typename Cached<kType>::Value* p, int count)
{
    if (count >= 16)
        return Cached<kType>::load16(p);
    typename Cached<kType>::Value values[16] = {};
    for (int i = 0; i < count; ++i)
        values[i] = p[i];
    return Cached<kType>::load16(values);
}

LS_INLINE Floats capped(Floats scores, float cap)
{
    return cap > 0 ? broadcast(cap) * tangent(scores * broadcast(1.0f / cap)) : scores;
}

template <CacheType kType>
struct DecodePart {
    using Value = typename Cached<kType>::Value;
    static constexpr int kMaxHeads = 4; // of a pass: 4 heads x 4 vectors of sums stay in registers
    const DecodeAttentionJob& job;
    float scores[kMaxHeads][kDecodePart];

    std::int64_t row(int key) const { return job.rows ? job.rows[key] : job.firstRow + key; }
    const Value* rowOf(const void* base, int key) const
    {
        return static_cast<const Value*>(base) + row(key) * job.width;
    }

    /// Rows that come next, if there are more: lists of rows jump about, and parts start new streams.
    void prefetchRow(const void* base, int key) const
    {
        if (key >= job.count)
            return;
        const auto* bytes = reinterpret_cast<const char*>(rowOf(base, key));
        for (int i = 0; i < job.width * int(sizeof(Value)); i += 64)
            prefetch(bytes + i);
    }

    /// products[h][i] += kVectors vectors of key i and head h, from `column` on.
    template <int kHeads, int kVectors>
    LS_INLINE void addProducts(const Value* const (&keys)[16], int firstHead, int column,
                               Floats (&products)[kHeads][16]) const
    {
        const int left = job.width - column;
        Floats q[kHeads][kVectors];
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            const float* own = job.q + std::int64_t(firstHead + h) * job.width + column;
            unrolled<kVectors>(
                [&](auto j) LS_INLINE_LAMBDA { q[h][j] = kVectors > 1 ? load(own + 16 * j) : loadFirst(own, left); });
        });
        for (int i = 0; i < 16; ++i) {
            Floats k[kVectors];
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA {
                k[j] = kVectors > 1 ? Cached<kType>::load16(keys[i] + column + 16 * j)
                                    : loadCached<kType>(keys[i] + column, left);
            });
            unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
                Floats sum = products[h][i];
                unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { sum = fma(q[h][j], k[j], sum); });
                products[h][i] = sum;
            });
        }
    }

    /// Scores of 16 keys with all heads, each key loaded once; keys from job.count on repeat the last one.
    template <int kHeads>
    void scoreKeys(int firstHead, int firstKey)
    {
        const Value* keys[16];
        for (int i = 0; i < 16; ++i) {
            keys[i] = rowOf(job.keys, firstKey + i < job.count ? firstKey + i : job.count - 1);
            prefetchRow(job.keys, firstKey + 16 + i);
            prefetchRow(job.values, firstKey + i);
        }
        Floats products[kHeads][16];
        for (int h = 0; h < kHeads; ++h)
            for (int i = 0; i < 16; ++i)
                products[h][i] = broadcast(0.0f);
        int column = 0;
        for (; column + 64 <= job.width; column += 64)
            addProducts<kHeads, 4>(keys, firstHead, column, products);
        for (; column < job.width; column += 16)
            addProducts<kHeads, 1>(keys, firstHead, column, products);
        for (int h = 0; h < kHeads; ++h)
            store(scores[h] + firstKey, capped(sums(products[h]) * broadcast(job.scale), job.softCap));
    }

    /// Scores to exp(score - maximum); writes maximum and total behind the head's sums.
    void softmax(float* s, float* result) const
    {
        const float lowest = -__builtin_inff();
        Floats highest = broadcast(lowest);
        for (int key = 0; key < job.count; key += 16) {
            const int n = job.count - key < 16 ? job.count - key : 16;
            highest = larger(highest, firstLanes(load(s + key), n, broadcast(lowest)));
        }
        float lanes[16], maximum = lowest;
        store(lanes, highest);
        for (const float lane : lanes)
            maximum = lane > maximum || lane != lane ? lane : maximum;
        Floats total = broadcast(0.0f);
        for (int key = 0; key < job.count; key += 16) {
            const int n = job.count - key < 16 ? job.count - key : 16;
            const Floats p = exponential(load(s + key) - broadcast(maximum));
            const Floats kept = firstLanes(p, n, broadcast(0.0f));
            store(s + key, kept);
            total = total + kept;
        }
        result[job.width] = maximum;
        result[job.width + 1] = sum(total);
    }

    /// kHeads heads times kVectors vectors of the values: each value row is loaded once for all heads.
    template <int kHeads, int kVectors>
    void sumValues(int firstHead, int column) const
    {
        Floats sums[kHeads][kVectors];
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { sums[h][j] = broadcast(0.0f); });
        });
        const int left = job.width - column;
        for (int key = 0; key < job.count; ++key) {
            const Value* values = rowOf(job.values, key) + column;
            Floats v[kVectors];
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA {
                v[j] = kVectors > 1 ? Cached<kType>::load16(values + 16 * j) : loadCached<kType>(values, left);
            });
            unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
                const Floats p = broadcast(scores[h][key]);
                unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { sums[h][j] = fma(p, v[j], sums[h][j]); });
            });
        }
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            float* out = job.result + std::int64_t(firstHead + h) * (job.width + 2) + column;
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { storeFirst(out + 16 * j, sums[h][j], left - 16 * j); });
        });
    }

    template <int kHeads>
    void run(int firstHead)
    {
        for (int key = 0; key < job.count; key += 16)
            scoreKeys<kHeads>(firstHead, key);
        for (int h = 0; h < kHeads; ++h)
            softmax(scores[h], job.result + std::int64_t(firstHead + h) * (job.width + 2));
        int column = 0;
        for (; column + 64 <= job.width; column += 64)
            sumValues<kHeads, 4>(firstHead, column);
        for (; column < job.width; column += 16)
            sumValues<kHeads, 1>(firstHead, column);
    }
};

template <CacheType kType>
void decodePart(const DecodeAttentionJob& job)
{
    DecodePart<kType> part{job, {}};
    int head = 0;
    for (; head + 4 <= job.heads; head += 4)
        part.template run<4>(head);
    switch (job.heads - head) {
    case 3:
        return part.template run<3>(head);
    case 2:
        return part.template run<2>(head);
    case 1:
        return part.template run<1>(head);
    }
}

void decodeAttentionPart(const DecodeAttentionJob& job)
{
    switch (job.type) {
    case CacheType::F32:
        return decodePart<CacheType::F32>(job);
    case CacheType::F16:
        return decodePart<CacheType::F16>(job);
    case CacheType::BF16:
        return decodePart<CacheType::BF16>(job);
    }
}

} // namespace
} // namespace ls::kernels
