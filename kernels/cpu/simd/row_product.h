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

/// The sums of a row are four vectors, for the speed of memory and not of an addition; those of 16 rows are added up
/// together. Rows lie one after the other, so the memory is read as one stream.
template <WeightFormat kFormat>
void rowProduct(const RowProductJob& job)
{
    constexpr int kBytes = kFormat == WeightFormat::F32 ? 4 : 2, kStep = 64, kAheadBytes = 4096;
    const std::uint8_t* row = job.rows;
    const std::int64_t stride = job.cols * kBytes;
    for (std::int64_t first = 0; first < job.rowCount; first += 16) {
        const int count = job.rowCount - first < 16 ? int(job.rowCount - first) : 16;
        Floats all[16];
        for (int r = 0; r < 16; ++r)
            all[r] = broadcast(0.0f);
        for (int r = 0; r < count; ++r, row += stride) {
            Floats part[4];
            unrolled<4>([&](auto p) LS_INLINE_LAMBDA { part[p] = broadcast(0.0f); });
            const std::uint8_t* w = row;
            const float* x = job.x;
            std::int64_t left = job.cols;
            for (; left >= kStep; left -= kStep, w += kStep * kBytes, x += kStep) {
                for (int line = 0; line < kStep * kBytes; line += 64)
                    prefetch(w + kAheadBytes + line);
                unrolled<4>([&](auto p) LS_INLINE_LAMBDA {
                    part[p] = fma(columnsOf<kFormat>(w + 16 * kBytes * p), load(x + 16 * p), part[p]);
                });
            }
            for (; left >= 16; left -= 16, w += 16 * kBytes, x += 16)
                part[0] = fma(columnsOf<kFormat>(w), load(x), part[0]);
            if (left > 0) {
                std::uint8_t padded[16 * kBytes] = {};
                __builtin_memcpy(padded, w, std::size_t(left) * kBytes);
                part[1] = fma(columnsOf<kFormat>(padded), loadFirst(x, left), part[1]);
            }
            all[r] = (part[0] + part[1]) + (part[2] + part[3]);
        }
        float values[16];
        store(values, sums(all));
        for (int r = 0; r < count; ++r)
            job.out[first + r] = job.add ? job.out[first + r] + values[r] : values[r];
    }
}

} // namespace
} // namespace ls::kernels
