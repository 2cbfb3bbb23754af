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

/// One group of 32 columns times all tokens of the tile. Products of bytes are summed exactly in int32.
template <class F, int T>
LS_INLINE void addGroup(const Group& g, const ActivationTile& x, std::int64_t block, Floats (&sums)[T])
{
    const std::int32_t* q = x.q + block * 8 * T;
    const std::int32_t* minusSum = x.minusSum + block * 3 * T;
    const auto start = [&](int part, int t) {
        if constexpr (F::kOffsetBits >= 0)
            return shiftLeft<(F::kOffsetBits > 0 ? F::kOffsetBits : 0)>(broadcast(minusSum[part * T + t]));
        else
            return broadcast(std::int32_t(0));
    };
    unrolled<T>([&](auto t) LS_INLINE_LAMBDA {
        Ints first = start(F::kSplit ? 1 : 0, t), second = F::kSplit ? start(2, t) : broadcast(std::int32_t(0));
        unrolled<4>([&](auto j) LS_INLINE_LAMBDA {
            first = dot<F::kWide>(first, g.w[j], broadcast(q[j * T + t]));
            if constexpr (F::kSplit || T == 1)
                second = dot<F::kWide>(second, g.w[j + 4], broadcast(q[(j + 4) * T + t]));
        });
        if constexpr (!F::kSplit && T > 1)
            unrolled<4>([&](auto j) LS_INLINE_LAMBDA {
                first = dot<F::kWide>(first, g.w[j + 4], broadcast(q[(j + 4) * T + t]));
            });
        const Floats scale = broadcast(x.scale[block * T + t]);
        if constexpr (F::kSplit) {
            const Floats both = fma(toFloats(second), g.second, toFloats(first) * g.scale);
            sums[t] = fma(both, scale, sums[t]);
        } else {
            const Floats total = toFloats(T == 1 ? first + second : first);
            sums[t] = fma(total * scale, g.scale, sums[t]);
        }
        if constexpr (F::kMinimum)
            sums[t] = fma(g.minimum, broadcast(x.scaledSum[block * T + t]), sums[t]);
    });
}

template <WeightFormat kFormat, int T>
void int8Product(const ProductJob& job)
{
    using F = Format<kFormat>;
    constexpr int kBody = kPanelLayouts[int(kFormat)].bodyBytes;
    const std::int64_t blocks = job.cols / kPanelLayouts[int(kFormat)].blockValues;
    const ActivationTile x = job.x;
    for (int i = 0; i < job.panelCount; ++i) {
        const Panel panel = panelOf<kFormat>(job.panels + i * job.panelStride, job.cols);
        Floats sums[T];
        unrolled<T>([&](auto t) LS_INLINE_LAMBDA { sums[t] = broadcast(0.0f); });
        for (std::int64_t block = 0; block < blocks; ++block) {
            if constexpr (T <= 2)
                prefetchBody<kAhead>(panel.body + block * kBody, kBody);
            withEachIndex<F::kGroups>([&](auto group) LS_INLINE_LAMBDA {
                Group g;
                F::template load<group>(panel, block, g);
                addGroup<F, T>(g, x, block * F::kGroups + group, sums);
            });
        }
        writeSums<T>(job, i, sums);
    }
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
            prefetchBody<kAhead>(panel, kStepBytes);
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
