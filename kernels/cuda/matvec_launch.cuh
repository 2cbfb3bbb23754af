#pragma once

#include "kernels/cuda/launch_kernel.h"
#include "kernels/cuda/matvec.cuh"

namespace ls::cuda {

template <WeightFormat kFormat>
Launch launchMatvec(MatvecArgs args, Stream stream)
{
    const std::int64_t cols = args.input.cols, perToken = stagedBytes<kFormat>(cols);
    const int fits = int((std::int64_t(kMaxShared) - kScratchBytes) / perToken);
    if (fits < 1)
        return Launch::TooWide;
    std::int64_t rows = 0;
    for (int m = 0; m < args.count; ++m)
        rows += args.matrices[m].rowCount;
    if (args.gated)
        rows = args.matrices[0].rowCount;
    if (rows == 0)
        return Launch::Ok;
    for (int done = 0; done < args.input.tokens;) {
        const int left = args.input.tokens - done;
        const int width = left > 4 && fits >= 8 ? 8 : left > 2 && fits >= 4 ? 4 : left > 1 && fits >= 2 ? 2 : 1;
        MatvecArgs part = args;
        part.tokens = left < width ? left : width;
        part.input.x += done * args.input.stride;
        for (int m = 0; m < args.count; ++m)
            if (part.matrices[m].out)
                part.matrices[m].out += done * part.matrices[m].outStride;
        const std::int64_t blocks = (rows + kMatvecThreads / 32 - 1) / (kMatvecThreads / 32);
        Geometry geometry;
        geometry.gridX = unsigned(blocks < deviceBlocks() ? blocks : deviceBlocks());
        geometry.threads = kMatvecThreads;
        geometry.sharedBytes = std::size_t(kScratchBytes + width * perToken);
        const auto kernel = width == 8   ? matvecKernel<kFormat, 8>
                            : width == 4 ? matvecKernel<kFormat, 4>
                            : width == 2 ? matvecKernel<kFormat, 2>
                                         : matvecKernel<kFormat, 1>;
        const Launch result = launchKernel(kernel, geometry, stream, part);
        if (result != Launch::Ok)
            return result;
        done += part.tokens;
    }
    return Launch::Ok;
}

} // namespace ls::cuda
