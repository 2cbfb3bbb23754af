#pragma once

#include "kernels/cpu/weight_format.h"

#include <cstddef>
#include <cstdint>
#include <string>

/// What all launch functions of kernels/cuda share. Launch functions check shapes and alignment, choose the geometry
/// and return at once; what they refuse they do not start.
namespace ls::cuda {

enum class Launch : std::uint8_t {
    Ok,
    BadShape,    ///< negative or contradictory sizes
    TooWide,     ///< a row does not fit into shared memory, or a head is wider than 256
    Unaligned,   ///< a pointer is not aligned as the header demands
    Unsupported, ///< a format or combination that no kernel is compiled for
    Failed       ///< CUDA refused the launch, or the emulator found an error: launchError()
};
/// "row too wide for shared memory"
const char* launchName(Launch result);
/// Words of CUDA or of the emulator for the last Launch::Failed of this thread.
std::string launchError();

/// cudaStream_t, or ls::emu::Stream* (null: run at once) where kernels run on the CPU.
using Stream = void*;

/// Blocks that fill the device once; launches with more work loop.
int deviceBlocks();
/// Dynamic shared memory a block may have: of sm_80, 163 KiB, less a reserve.
inline constexpr std::size_t kMaxShared = 160 * 1024;

inline bool aligned(const void* pointer, std::size_t bytes)
{
    return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

/// Values and bytes of a block, and how rows must be aligned; values = 0 for what no kernel reads.
struct FormatSize {
    int values = 0, bytes = 0, alignment = 1;
};
FormatSize formatSize(kernels::WeightFormat format);

} // namespace ls::cuda
