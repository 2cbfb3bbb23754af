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

/// 64 values, or with kVectors = 1 up to 16.
template <CacheType kType, int kVectors>
LS_INLINE void loadVectors(const typename Cached<kType>::Value* p, int count, Floats (&out)[kVectors])
{
    if constexpr (kVectors == 1) {
        out[0] = loadCached<kType>(p, count);
    } else {
        unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { out[j] = Cached<kType>::load16(p + 16 * j); });
    }
}

LS_INLINE Floats capped(Floats scores, float cap)
{
    return cap > 0 ? broadcast(cap) * tangent(scores * broadcast(1.0f / cap)) : scores;
}

/// One pass over the keys, 16 at a time: scores, then sums that are scaled down whenever the maximum grows. Keys and
/// values are so read side by side at one pace, and memory has no pauses while the other half is computed.
template <CacheType kType, bool kListed>
struct DecodePart {
    using Value = typename Cached<kType>::Value;
    static constexpr int kMaxHeads = 4; // of a pass: 4 heads x 4 vectors of sums stay in registers
    static constexpr int kKeys = 16;    // scores of a head fill one vector
    // The maximum follows only when scores are that far above it: weights up to e^8 cost no accuracy, and the branch
    // is almost never taken after the first block.
    static constexpr float kRise = 8.0f;
    // The maximum before any score: finite, so that blocks of scores of minus infinity weigh nothing (e^-87) and are no
    // NaN.
    static constexpr float kNothing = -__FLT_MAX__;

    const DecodeAttentionJob& job;
    int firstHead = 0;
    float weights[kMaxHeads][kKeys]; // exp(score - maximum)
    float maxima[kMaxHeads];
    Floats factors[kMaxHeads], totals[kMaxHeads]; // of the sums so far

    LS_INLINE const Value* rowOf(const void* base, int key) const
    {
        const std::int64_t row = kListed ? job.rows[key] : job.firstRow + key;
        return static_cast<const Value*>(base) + row * job.width;
    }
    float* resultOf(int h) const { return job.result + std::int64_t(firstHead + h) * (job.width + 2); }

    /// What is read one block of keys later, also behind the part, where another one goes on. A prefetch of an address
    /// that is not there does nothing.
    LS_INLINE void prefetchAhead(const void* base, const Value* own, int key, int column) const
    {
        if (kListed)
            own = key + kKeys < job.count + job.ahead ? rowOf(base, key + kKeys) + column : own;
        else
            own += kKeys * job.width;
        prefetch(own);
    }

    /// products[h][i] = (or +=) kVectors vectors of key i and head h, from `column` on.
    template <int kHeads, int kVectors, bool kAdd>
    LS_INLINE void addProducts(int firstKey, int n, int column, Floats (&products)[kHeads][kKeys]) const
    {
        const int left = job.width - column;
        Floats q[kHeads][kVectors];
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            const float* own = job.q + std::int64_t(firstHead + h) * job.width + column;
            unrolled<kVectors>(
                [&](auto j) LS_INLINE_LAMBDA { q[h][j] = kVectors > 1 ? load(own + 16 * j) : loadFirst(own, left); });
        });
        for (int i = 0; i < n; ++i) {
            const Value* own = rowOf(job.keys, firstKey + i) + column;
            Floats k[kVectors];
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA {
                if ((16 * j * sizeof(Value)) % 64 == 0)
                    prefetchAhead(job.keys, own + 16 * j, firstKey + i, column + 16 * j);
            });
            loadVectors<kType>(own, left, k);
            unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
                Floats sum = kAdd ? fma(q[h][0], k[0], products[h][i]) : q[h][0] * k[0];
                unrolled<kVectors - 1>([&](auto j) LS_INLINE_LAMBDA { sum = fma(q[h][j + 1], k[j + 1], sum); });
                products[h][i] = sum;
            });
        }
    }

    /// Scores of n keys with all heads, each key loaded once.
    template <int kHeads>
    LS_INLINE void scoreKeys(int firstKey, int n)
    {
        Floats products[kHeads][kKeys];
        for (int h = 0; h < kHeads; ++h)
            for (int i = n; i < kKeys; ++i)
                products[h][i] = broadcast(0.0f);
        int column = 0;
        if (job.width >= 64)
            addProducts<kHeads, 4, false>(firstKey, n, 0, products), column = 64;
        else
            addProducts<kHeads, 1, false>(firstKey, n, 0, products), column = 16;
        for (; column + 64 <= job.width; column += 64)
            addProducts<kHeads, 4, true>(firstKey, n, column, products);
        for (; column < job.width; column += 16)
            addProducts<kHeads, 1, true>(firstKey, n, column, products);
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            const Floats scores = capped(sums(products[h]) * broadcast(job.scale), job.softCap);
            weigh(h, n, firstLanes(scores, n, broadcast(-__builtin_inff())));
        });
    }

    /// Scores to exp(score - maximum).
    LS_INLINE void weigh(int h, int n, Floats scores)
    {
        factors[h] = broadcast(1.0f);
        if (anyAbove(scores, broadcast(maxima[h] + kRise)))
            raiseMaximum(h, scores);
        const Floats p = exponential(scores - broadcast(maxima[h]));
        const Floats kept = firstLanes(p, n, broadcast(0.0f));
        store(weights[h], kept);
        totals[h] = fma(totals[h], factors[h], kept);
    }
    LS_INLINE void raiseMaximum(int h, Floats scores)
    {
        const bool undefined = anyAbove(scores, scores); // NaN, which the sums then must show
        const float highest = largest(scores);
        const float maximum = undefined ? __builtin_nanf("") : highest > maxima[h] ? highest : maxima[h];
        factors[h] = exponential(broadcast(maxima[h] - maximum));
        maxima[h] = maximum;
    }

    /// kHeads heads times kVectors vectors of the values: each value row is loaded once for all heads.
    template <int kHeads, int kVectors>
    LS_INLINE void sumValues(int firstKey, int n, int column) const
    {
        const int left = job.width - column;
        Floats sums[kHeads][kVectors];
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            const float* own = resultOf(h) + column;
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA {
                sums[h][j] = firstKey == 0  ? broadcast(0.0f)
                             : kVectors > 1 ? load(own + 16 * j) * factors[h]
                                            : loadFirst(own, left) * factors[h];
            });
        });
        for (int i = 0; i < n; ++i) {
            const Value* own = rowOf(job.values, firstKey + i) + column;
            Floats v[kVectors];
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA {
                if ((16 * j * sizeof(Value)) % 64 == 0)
                    prefetchAhead(job.values, own + 16 * j, firstKey + i, column + 16 * j);
            });
            loadVectors<kType>(own, left, v);
            unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
                const Floats p = broadcast(weights[h][i]);
                unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { sums[h][j] = fma(p, v[j], sums[h][j]); });
            });
        }
        unrolled<kHeads>([&](auto h) LS_INLINE_LAMBDA {
            float* own = resultOf(h) + column;
            unrolled<kVectors>([&](auto j) LS_INLINE_LAMBDA { storeFirst(own + 16 * j, sums[h][j], left - 16 * j); });
        });
    }

    template <int kHeads>
    void run(int head)
    {
        firstHead = head;
        for (int h = 0; h < kHeads; ++h) {
            maxima[h] = kNothing;
            totals[h] = broadcast(0.0f);
        }
        for (int key = 0; key < job.count; key += kKeys) {
            const int n = job.count - key < kKeys ? job.count - key : kKeys;
            scoreKeys<kHeads>(key, n);
            int column = 0;
            for (; column + 64 <= job.width; column += 64)
                sumValues<kHeads, 4>(key, n, column);
            for (; column < job.width; column += 16)
                sumValues<kHeads, 1>(key, n, column);
        }
        for (int h = 0; h < kHeads; ++h) {
            resultOf(h)[job.width] = maxima[h] == kNothing ? -__builtin_inff() : maxima[h];
            resultOf(h)[job.width + 1] = sum(totals[h]);
        }
    }

    void runAll()
    {
        int head = 0;
        for (; head + 4 <= job.heads; head += 4)
            run<4>(head);
        switch (job.heads - head) {
        case 3:
            return run<3>(head);
        case 2:
            return run<2>(head);
        case 1:
            return run<1>(head);
        }
    }
};

template <CacheType kType>
void decodePart(const DecodeAttentionJob& job)
{
    if (job.rows)
        return DecodePart<kType, true>{job, 0, {}, {}, {}, {}}.runAll();
    DecodePart<kType, false>{job, 0, {}, {}, {}, {}}.runAll();
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

/// Every part's sums count relative to the largest maximum.
void joinAttentionParts(JoinPartsJob& job)
{
    const auto stateOf = [&](std::int64_t part) { return job.partials + part * job.stride + job.width; };
    float maximum = -__builtin_inff(), total = 0;
    for (std::int64_t part = 0; part < job.parts; ++part) {
        const float own = stateOf(part)[0];
        maximum = own > maximum || own != own ? own : maximum;
    }
    for (std::int64_t c = 0; c < job.width; c += 16)
        storeFirst(job.out + c, broadcast(0.0f), job.width - c);
    for (std::int64_t first = 0; first < job.parts; first += 16) {
        const std::int64_t n = job.parts - first < 16 ? job.parts - first : 16;
        float factors[16] = {};
        for (std::int64_t i = 0; i < n; ++i)
            factors[i] = stateOf(first + i)[0] - maximum;
        store(factors, exponential(load(factors)));
        for (std::int64_t i = 0; i < n; ++i) {
            const float* part = job.partials + (first + i) * job.stride;
            if (part[job.width] == -__builtin_inff())
                continue; // saw nothing; the difference of two infinities would be NaN
            total += factors[i] * part[job.width + 1];
            const Floats factor = broadcast(factors[i]);
            for (std::int64_t c = 0; c < job.width; c += 16) {
                const Floats sum = loadFirst(job.out + c, job.width - c);
                storeFirst(job.out + c, fma(factor, loadFirst(part + c, job.width - c), sum), job.width - c);
            }
        }
    }
    const Floats inverse = broadcast(total != 0 ? 1.0f / total : 0.0f);
    for (std::int64_t c = 0; c < job.width; c += 16)
        storeFirst(job.out + c, loadFirst(job.out + c, job.width - c) * inverse, job.width - c);
    job.state[0] = maximum;
    job.state[1] = total;
}

} // namespace
} // namespace ls::kernels
