#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/portable.h"

/// Starts a kernel with one argument, on the device or in the emulator.
namespace ls::cuda {

struct Geometry {
    unsigned gridX = 1, gridY = 1, gridZ = 1;
    unsigned threads = 128;
    std::size_t sharedBytes = 0;
};

#if defined(__CUDACC__)
void rememberError(cudaError_t error);

template <class Args>
Launch launchKernel(void (*kernel)(Args), const Geometry& g, Stream stream, const Args& args)
{
    if (g.sharedBytes > 48 * 1024) {
        const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                       cudaFuncAttributeMaxDynamicSharedMemorySize, int(g.sharedBytes));
        if (error != cudaSuccess) {
            rememberError(error);
            return Launch::Failed;
        }
    }
    kernel<<<dim3(g.gridX, g.gridY, g.gridZ), g.threads, g.sharedBytes, static_cast<cudaStream_t>(stream)>>>(args);
    const cudaError_t error = cudaGetLastError();
    rememberError(error);
    return error == cudaSuccess ? Launch::Ok : Launch::Failed;
}
#else
template <class Args>
Launch launchKernel(void (*kernel)(Args), const Geometry& g, Stream stream, const Args& args)
{
    const emu::LaunchShape shape{g.gridX, g.gridY, g.gridZ, g.threads, g.sharedBytes};
    const auto go = [kernel, shape, args] { return emu::run(shape, [&] { kernel(args); }); };
    if (auto* target = static_cast<emu::Stream*>(stream); target && target->recording) {
        target->recording->push_back(go);
        return Launch::Ok;
    }
    return go() ? Launch::Ok : Launch::Failed;
}
#endif

} // namespace ls::cuda
