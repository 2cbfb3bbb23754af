#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/simd/formats.h"
#include "kernels/cpu/simd/unrolled.h"

/// Products of packed panels and a tile of tokens. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

/// Sums of one panel to the result's rows of every token.
template <int T>
LS_INLINE void writeSums(const ProductJob& job, int panel, const Floats (&sums)[T])
{
    const int rows = job.rows - 16 * panel < 16 ? int(job.rows - 16 * panel) : 16;
    unrolled<T>([&](auto t) LS_INLINE_LAMBDA {
        if (t >= job.tokens)
            return;
        float* out = job.out + t * job.outStride + 16 * panel;
        if (rows == 16) {
            store(out, job.add ? load(out) + sums[t] : sums[t]);
            return;
        }
        float values[16];
        store(values, sums[t]);
        for (int r = 0; r < rows; ++r)
            out[r] = job.add ? out[r] + values[r] : values[r];
    });
}

/// sums += bytes of w[kFrom..kTo) times the same words of q.
template <class F, int kFrom, int kTo, int T>
LS_INLINE Ints dotWords(Ints total, const Group& g, const std::int32_t* q)
{
    unrolled<kTo - kFrom>(
        [&](auto j) LS_INLINE_LAMBDA { total = dot<F::kWide>(total, g.w[kFrom + j], broadcast(q[(kFrom + j) * T])); });
    return total;
}

/// Sum over words kFrom..kTo of (w - offset) * (128 * high + low), exact in int32: at most 32 * 255 * 16256 and the
/// offset's share. `minusSum`: - sum of q over the same columns.
template <class F, int kFrom, int kTo, int T>
LS_INLINE Ints exactDot(const Group& g, const std::int32_t* q, std::int32_t minusSum)
{
    // Two chains: a single one of 16 products is so long that the processor cannot look far enough ahead.
    const Ints high = dotWords<F, kFrom, kTo, T>(broadcast(std::int32_t(0)), g, q);
    Ints start = broadcast(std::int32_t(0));
    if constexpr (F::kOffsetBits >= 0)
        start = shiftLeft<(F::kOffsetBits > 0 ? F::kOffsetBits : 0)>(broadcast(minusSum));
    return shiftLeft<7>(high) + dotWords<F, kFrom, kTo, T>(start, g, q + 8 * T);
}

/// One group of 32 columns times one token: what it adds to the sum.
template <class F, int T>
LS_INLINE Floats addGroup(const Group& g, const ActivationTile& x, std::int64_t block, int t, Floats sum)
{
    const std::int32_t* q = x.q + block * 16 * T + t;
    const std::int32_t* minusSum = x.minusSum + block * 3 * T + t;
    const Floats scale = broadcast(x.scale[block * T + t]);
    if constexpr (F::kSplit) {
        const Floats first = toFloats(exactDot<F, 0, 4, T>(g, q, minusSum[T]));
        const Floats second = toFloats(exactDot<F, 4, 8, T>(g, q, minusSum[2 * T]));
        sum = fma(fma(second, g.second, first * g.scale), scale, sum);
    } else {
        sum = fma(toFloats(exactDot<F, 0, 8, T>(g, q, minusSum[0])) * scale, g.scale, sum);
    }
    if constexpr (F::kMinimum)
        sum = fma(g.minimum, broadcast(x.scaledSum[block * T + t]), sum);
    return sum;
}

/// kPanels panels at once. With many tokens the sums stay in the first cache and the registers hold the weights: a
/// token's bytes are loaded once for all panels, and loads are what limits the rate of products.
template <WeightFormat kFormat, int T, int kPanels>
LS_INLINE void int8Panels(const ProductJob& job, int firstPanel)
{
    using F = Format<kFormat>;
    constexpr int kBody = kPanelLayouts[int(kFormat)].bodyBytes;
    const std::int64_t blocks = job.cols / kPanelLayouts[int(kFormat)].blockValues;
    const ActivationTile x = job.x;
    Panel panels[kPanels];
    Floats sums[kPanels][T];
    unrolled<kPanels>([&](auto p) LS_INLINE_LAMBDA {
        panels[p] = panelOf<kFormat>(job.panels + (firstPanel + p) * job.panelStride, job.cols);
        for (int t = 0; t < T; ++t)
            sums[p][t] = broadcast(0.0f);
    });
    for (std::int64_t block = 0; block < blocks; ++block) {
        if constexpr (T <= 2)
            prefetchBody<kAhead>(panels[0].body + block * kBody, kBody);
        withEachIndex<F::kGroups>([&](auto group) LS_INLINE_LAMBDA {
            Group g[kPanels];
            unrolled<kPanels>([&](auto p) LS_INLINE_LAMBDA { F::template load<group>(panels[p], block, g[p]); });
            for (int t = 0; t < T; ++t)
                unrolled<kPanels>([&](auto p) LS_INLINE_LAMBDA {
                    sums[p][t] = addGroup<F, T>(g[p], x, block * F::kGroups + group, t, sums[p][t]);
                });
        });
    }
    unrolled<kPanels>([&](auto p) LS_INLINE_LAMBDA { writeSums<T>(job, firstPanel + p, sums[p]); });
}

template <WeightFormat kFormat, int T>
void int8Product(const ProductJob& job)
{
    constexpr int kPanels = T > 2 ? kInt8Panels : 1;
    int panel = 0;
    for (; panel + kPanels <= job.panelCount; panel += kPanels)
        int8Panels<kFormat, T, kPanels>(job, panel);
    for (; panel < job.panelCount; ++panel)
        int8Panels<kFormat, T, 1>(job, panel);
}

/// sums[r][t] += sum over k < depth of (row vector r at k) * x[k * columnStride + t * tokenStride]. weight(r, k) loads
/// the vector.
template <int R, int T, class Weight>
LS_INLINE void addFloats(std::int64_t depth, const float* x, int columnStride, int tokenStride, Floats (&sums)[R][T],
                         const Weight& weight)
{
    for (std::int64_t k = 0; k < depth; ++k, x += columnStride) {
        Floats w[R];
        unrolled<R>([&](auto r) LS_INLINE_LAMBDA { w[r] = weight(r, k); });
        unrolled<T>([&](auto t) LS_INLINE_LAMBDA {
            const Floats value = broadcast(x[t * tokenStride]);
            unrolled<R>([&](auto r) LS_INLINE_LAMBDA { sums[r][t] = fma(w[r], value, sums[r][t]); });
        });
    }
}

template <int R, int T>
LS_INLINE void clear(Floats (&sums)[R][T])
{
    unrolled<R>([&](auto r)
                    LS_INLINE_LAMBDA { unrolled<T>([&](auto t) LS_INLINE_LAMBDA { sums[r][t] = broadcast(0.0f); }); });
}

/// How a float format gives the vectors of one column (F32, F16) or of two (BF16).
template <WeightFormat kFormat>
LS_INLINE Floats columnOf(const std::uint8_t* panel, std::int64_t k)
{
    if constexpr (kFormat == WeightFormat::F32)
        return load(reinterpret_cast<const float*>(panel) + 16 * k);
    else
        return loadHalves(reinterpret_cast<const std::uint16_t*>(panel) + 16 * k);
}
LS_INLINE Floats evenBfloats(Ints pairs)
{
    return asFloats(shiftLeft<16>(pairs));
}
LS_INLINE Floats oddBfloats(Ints pairs)
{
    return asFloats(pairs & broadcast(std::int32_t(0xFFFF0000)));
}

/// R panels times T of the tile's tokens.
template <WeightFormat kFormat, int R, int T>
LS_INLINE void floatSums(const ProductJob& job, int panel, int token, Floats (&sums)[R][T])
{
    const std::uint8_t* data = job.panels + panel * job.panelStride;
    const std::int64_t stride = job.panelStride;
    const int width = job.x.width;
    const float* x = job.x.floats + token;
    clear(sums);
    if constexpr (kFormat == WeightFormat::BF16) {
        for (std::int64_t pair = 0; pair < (job.cols + 1) / 2; ++pair, x += 2 * width) {
            Floats even[R], odd[R];
            unrolled<R>([&](auto r) LS_INLINE_LAMBDA {
                const Ints both = loadInts(data + r * stride + 64 * pair);
                even[r] = evenBfloats(both);
                odd[r] = oddBfloats(both);
            });
            unrolled<T>([&](auto t) LS_INLINE_LAMBDA {
                const Floats first = broadcast(x[t]), second = broadcast(x[width + t]);
                unrolled<R>([&](auto r) LS_INLINE_LAMBDA {
                    sums[r][t] = fma(odd[r], second, fma(even[r], first, sums[r][t]));
                });
            });
        }
    } else {
        addFloats<R, T>(job.cols, x, width, 1, sums, [&](int r, std::int64_t k) LS_INLINE_LAMBDA {
            return columnOf<kFormat>(data + r * stride, k);
        });
    }
}

/// One token: four independent sums, for the speed of memory and not of an addition.
template <WeightFormat kFormat>
void floatVector(const ProductJob& job)
{
    constexpr int kColumns = kFormat == WeightFormat::BF16 ? 8 : 4; // of a step
    constexpr int kStepBytes =
        kColumns * kPanelLayouts[int(kFormat)].bodyBytes / kPanelLayouts[int(kFormat)].blockValues;
    for (int i = 0; i < job.panelCount; ++i) {
        const std::uint8_t* panel = job.panels + i * job.panelStride;
        const float* x = job.x.floats;
        Floats part[4];
        unrolled<4>([&](auto p) LS_INLINE_LAMBDA { part[p] = broadcast(0.0f); });
        std::int64_t k = 0;
        for (; k + kColumns <= job.cols; k += kColumns, panel += kStepBytes, x += kColumns) {
            prefetchBody<kFloatAhead>(panel, kStepBytes);
            unrolled<4>([&](auto p) LS_INLINE_LAMBDA {
                if constexpr (kFormat == WeightFormat::BF16) {
                    const Ints both = loadInts(panel + 64 * p);
                    part[p] = fma(evenBfloats(both), broadcast(x[2 * p]), part[p]);
                    part[p] = fma(oddBfloats(both), broadcast(x[2 * p + 1]), part[p]);
                } else {
                    part[p] = fma(columnOf<kFormat>(panel, p), broadcast(x[p]), part[p]);
                }
            });
        }
        for (; k < job.cols; ++k, ++x) {
            if constexpr (kFormat == WeightFormat::BF16) {
                const Ints both = loadInts(panel);
                part[0] = fma(k % 2 ? oddBfloats(both) : evenBfloats(both), broadcast(*x), part[0]);
                panel += k % 2 ? 64 : 0;
            } else {
                part[0] = fma(columnOf<kFormat>(panel, 0), broadcast(*x), part[0]);
                panel += kPanelLayouts[int(kFormat)].bodyBytes;
            }
        }
        const Floats sums[1] = {(part[0] + part[1]) + (part[2] + part[3])};
        writeSums<1>(job, i, sums);
    }
}

/// Rows of a job from `token` on.
LS_INLINE ProductJob tokensFrom(const ProductJob& job, int token)
{
    ProductJob rest = job;
    rest.tokens = job.tokens - token;
    rest.out = job.out + token * job.outStride;
    return rest;
}

/// Tiles of R panels and T tokens: R + T loads for R * T multiplications.
template <WeightFormat kFormat, int T>
void floatProduct(const ProductJob& job)
{
    constexpr int kTokens = T < kFloatTokens ? T : kFloatTokens;
    for (int token = 0; token < T; token += kTokens) {
        const ProductJob part = tokensFrom(job, token);
        int panel = 0;
        for (; panel + kFloatPanels <= job.panelCount; panel += kFloatPanels) {
            Floats sums[kFloatPanels][kTokens];
            floatSums<kFormat>(job, panel, token, sums);
            unrolled<kFloatPanels>([&](auto r) LS_INLINE_LAMBDA { writeSums<kTokens>(part, panel + r, sums[r]); });
        }
        for (; panel < job.panelCount; ++panel) {
            Floats sums[1][kTokens];
            floatSums<kFormat>(job, panel, token, sums);
            writeSums<kTokens>(part, panel, sums[0]);
        }
    }
}

} // namespace
} // namespace ls::kernels
