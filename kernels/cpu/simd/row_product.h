#pragma once

#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/unrolled.h"

/// One token times rows as a file or a tensor has them. Included after the file that defines Floats and Ints.
namespace ls::kernels {
namespace {

/// 16 columns of a row.
template <WeightFormat kFormat>
LS_INLINE Floats columnsOf(const std::uint8_t* at)
{
    if constexpr (kFormat == WeightFormat::F32)
        return load(reinterpret_cast<const float*>(at));
    else if constexpr (kFormat == WeightFormat::F16)
        return loadHalves(reinterpret_cast<const std::uint16_t*>(at));
    else
        return asFloats(shiftLeft<16>(loadU16(reinterpret_cast<const std::uint16_t*>(at))));
}

/// `count` rows, at most 16, times some tokens. The sums of a row are four vectors, for the speed of memory and not of
/// an addition; those of all rows are added up together. Rows lie one after the other: memory is read as one stream.
template <WeightFormat kFormat, int kTokens>
void rowsTimes(const RowProductJob& job, std::int64_t first, int count, int firstToken)
{
    constexpr int kBytes = kFormat == WeightFormat::F32 ? 4 : 2, kStep = 64, kAheadBytes = 4096;
    const std::int64_t stride = job.cols * kBytes;
    const std::uint8_t* row = job.rows + first * stride;
    const float* input = job.x + firstToken * job.cols;
    Floats all[kTokens][16];
    for (int t = 0; t < kTokens; ++t)
        for (int r = count; r < 16; ++r)
            all[t][r] = broadcast(0.0f);
    for (int r = 0; r < count; ++r, row += stride) {
        Floats part[kTokens][4];
        unrolled<kTokens>([&](auto t) LS_INLINE_LAMBDA {
            unrolled<4>([&](auto p) LS_INLINE_LAMBDA { part[t][p] = broadcast(0.0f); });
        });
        const std::uint8_t* w = row;
        const float* x = input;
        std::int64_t left = job.cols;
        for (; left >= kStep; left -= kStep, w += kStep * kBytes, x += kStep) {
            for (int line = 0; line < kStep * kBytes; line += 64)
                prefetch(w + kAheadBytes + line);
            unrolled<4>([&](auto p) LS_INLINE_LAMBDA {
                const Floats values = columnsOf<kFormat>(w + 16 * kBytes * p);
                unrolled<kTokens>([&](auto t) LS_INLINE_LAMBDA {
                    part[t][p] = fma(values, load(x + t * job.cols + 16 * p), part[t][p]);
                });
            });
        }
        for (; left >= 16; left -= 16, w += 16 * kBytes, x += 16)
            unrolled<kTokens>([&](auto t) LS_INLINE_LAMBDA {
                part[t][0] = fma(columnsOf<kFormat>(w), load(x + t * job.cols), part[t][0]);
            });
        if (left > 0) {
            std::uint8_t padded[16 * kBytes] = {};
            __builtin_memcpy(padded, w, std::size_t(left) * kBytes);
            unrolled<kTokens>([&](auto t) LS_INLINE_LAMBDA {
                part[t][1] = fma(columnsOf<kFormat>(padded), loadFirst(x + t * job.cols, left), part[t][1]);
            });
        }
        unrolled<kTokens>([&](auto t)
                              LS_INLINE_LAMBDA { all[t][r] = (part[t][0] + part[t][1]) + (part[t][2] + part[t][3]); });
    }
    for (int t = 0; t < kTokens; ++t) {
        float values[16];
        store(values, sums(all[t]));
        float* out = job.out + (firstToken + t) * job.outStride + first;
        for (int r = 0; r < count; ++r)
            out[r] = job.add ? out[r] + values[r] : values[r];
    }
}

template <WeightFormat kFormat>
void rowProduct(const RowProductJob& job)
{
    for (std::int64_t first = 0; first < job.rowCount; first += 16) {
        const int count = job.rowCount - first < 16 ? int(job.rowCount - first) : 16;
        int token = 0;
        for (; token + 4 <= job.tokens; token += 4) // the rows come from memory once
            rowsTimes<kFormat, 4>(job, first, count, token);
        switch (job.tokens - token) {
        case 3:
            rowsTimes<kFormat, 3>(job, first, count, token);
            break;
        case 2:
            rowsTimes<kFormat, 2>(job, first, count, token);
            break;
        case 1:
            rowsTimes<kFormat, 1>(job, first, count, token);
            break;
        }
    }
}

} // namespace
} // namespace ls::kernels
