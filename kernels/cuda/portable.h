#pragma once

#include <cstddef>
#include <cstdint>

/// The few device functions that kernels are written with. nvcc gets thin wrappers of CUDA's, any other compiler gets
/// kernels/emu, so that every kernel also runs on the CPU. Rules for kernels: blocks are one-dimensional with a
/// multiple of 32 threads; shared memory is dynamic (LSK_SHARED), never static; warp operations use all lanes.
#if defined(__CUDACC__)
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cassert>

#define LSK_DEVICE __device__ __forceinline__
#define LSK_HOST_DEVICE __host__ __device__ __forceinline__
#define LSK_KERNEL __global__
#define LSK_RESTRICT __restrict__
#define LSK_SHARED(name) extern __shared__ __align__(16) std::uint8_t name[]
#define LSK_UNROLL _Pragma("unroll")
#define LSK_ASSERT(condition) assert(condition)
#define LSK_BOUNDS(threads) __launch_bounds__(threads)

namespace ls::cuda {

LSK_DEVICE unsigned threadId()
{
    return threadIdx.x;
}
LSK_DEVICE unsigned laneId()
{
    return threadIdx.x % 32;
}
LSK_DEVICE unsigned warpId()
{
    return threadIdx.x / 32;
}
LSK_DEVICE unsigned threadCount()
{
    return blockDim.x;
}
LSK_DEVICE unsigned blockX()
{
    return blockIdx.x;
}
LSK_DEVICE unsigned blockY()
{
    return blockIdx.y;
}
LSK_DEVICE unsigned blockZ()
{
    return blockIdx.z;
}
LSK_DEVICE unsigned gridX()
{
    return gridDim.x;
}

LSK_DEVICE void syncThreads()
{
    __syncthreads();
}
LSK_DEVICE void syncWarp()
{
    __syncwarp();
}
LSK_DEVICE void fenceSystem()
{
    __threadfence_system();
}
template <class T>
LSK_DEVICE T shuffleXor(T value, unsigned mask)
{
    return __shfl_xor_sync(0xFFFFFFFFu, value, int(mask));
}
template <class T>
LSK_DEVICE T shuffleFrom(T value, unsigned lane)
{
    return __shfl_sync(0xFFFFFFFFu, value, int(lane));
}
template <class T>
LSK_DEVICE T shuffleUp(T value, unsigned distance)
{
    return __shfl_up_sync(0xFFFFFFFFu, value, distance);
}
LSK_DEVICE void atomicAddTo(unsigned* at, unsigned value)
{
    atomicAdd(at, value);
}
LSK_DEVICE void atomicAddTo(std::uint64_t* at, std::uint64_t value)
{
    static_assert(sizeof(unsigned long long) == 8);
    atomicAdd(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(value));
}

/// sum += four products of int8.
LSK_DEVICE int dot4(int a, int b, int sum)
{
    return __dp4a(a, b, sum);
}
/// Upper 64 bits of a product.
LSK_DEVICE std::uint64_t multiplyHigh(std::uint64_t a, std::uint64_t b)
{
    return __umul64hi(a, b);
}
LSK_DEVICE float asFloat(std::uint32_t bits)
{
    return __uint_as_float(bits);
}
LSK_DEVICE std::uint32_t asBits(float value)
{
    return __float_as_uint(value);
}
LSK_DEVICE float halfBitsToFloat(std::uint16_t bits)
{
    return __half2float(__ushort_as_half(bits));
}
LSK_DEVICE std::uint16_t floatToHalfBits(float value) // nearest, ties to even
{
    return __half_as_ushort(__float2half_rn(value));
}
/// Nearest, ties to even; 0 for NaN.
LSK_DEVICE int roundToInt(float value)
{
    return __float2int_rn(value);
}
/// A product that is rounded before anything is added to it.
LSK_DEVICE float roundedProduct(float a, float b)
{
    return __fmul_rn(a, b);
}
LSK_DEVICE float power2(float value)
{
    return exp2f(value);
}
LSK_DEVICE float logarithm2(float value)
{
    return log2f(value);
}

} // namespace ls::cuda
#else
#include "kernels/emu/device.h"
#endif

namespace ls::cuda {

LSK_DEVICE float bfloatBitsToFloat(std::uint16_t bits)
{
    return asFloat(std::uint32_t(bits) << 16);
}
LSK_DEVICE std::uint16_t floatToBfloatBits(float value) // nearest, ties to even; NaN stays NaN
{
    const std::uint32_t bits = asBits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return std::uint16_t((bits >> 16) | 0x40);
    return std::uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

template <class T>
LSK_DEVICE T warpSum(T value)
{
    for (unsigned mask = 16; mask > 0; mask /= 2)
        value += shuffleXor(value, mask);
    return value;
}
template <class T>
LSK_DEVICE T warpMax(T value)
{
    for (unsigned mask = 16; mask > 0; mask /= 2) {
        const T other = shuffleXor(value, mask);
        value = other > value ? other : value;
    }
    return value;
}
/// The same for all threads of a block. `scratch`: shared memory, one T a warp. Ends with all threads past their reads.
template <class T>
LSK_DEVICE T blockSum(T value, T* scratch)
{
    value = warpSum(value);
    if (laneId() == 0)
        scratch[warpId()] = value;
    syncThreads();
    T total = T();
    for (unsigned w = 0; w < threadCount() / 32; ++w)
        total += scratch[w];
    syncThreads();
    return total;
}

/// What one load takes at most; addresses are multiples of 16.
struct alignas(16) Words4 {
    std::uint32_t w[4];
};
struct alignas(16) Floats4 {
    float v[4];
};

/// Two bytes at a time: blocks of most formats are only aligned to two.
LSK_DEVICE std::uint32_t load32(const std::uint8_t* bytes)
{
    const auto* halves = reinterpret_cast<const std::uint16_t*>(bytes);
    return std::uint32_t(halves[0]) | std::uint32_t(halves[1]) << 16;
}
LSK_DEVICE float loadHalf(const std::uint8_t* bytes)
{
    return halfBitsToFloat(*reinterpret_cast<const std::uint16_t*>(bytes));
}

} // namespace ls::cuda
