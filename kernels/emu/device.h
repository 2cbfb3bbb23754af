#pragma once

#include "kernels/emu/launch.h"

#include <bit>
#include <cmath>
#include <cstring>

/// The device functions of kernels/cuda/portable.h for the host compiler. Same names, same meanings.
#define LSK_DEVICE inline
#define LSK_HOST_DEVICE inline
#define LSK_KERNEL
#define LSK_RESTRICT __restrict__
#define LSK_SHARED(name) std::uint8_t* const name = ::ls::emu::sharedMemory()
#define LSK_UNROLL
#define LSK_ASSERT(condition) ((condition) ? void(0) : ::ls::emu::fail("violated: " #condition))
#define LSK_BOUNDS(threads)

namespace ls::cuda {

enum WarpOperation : unsigned { kOpSync = 1, kOpBallot = 2, kOpXor = 1000, kOpFrom = 2000, kOpUp = 3000 };

inline unsigned threadId()
{
    return emu::position().thread;
}
inline unsigned laneId()
{
    return emu::position().thread % 32;
}
inline unsigned warpId()
{
    return emu::position().thread / 32;
}
inline unsigned threadCount()
{
    return emu::position().shape.threads;
}
inline unsigned blockX()
{
    return emu::position().blockX;
}
inline unsigned blockY()
{
    return emu::position().blockY;
}
inline unsigned blockZ()
{
    return emu::position().blockZ;
}
inline unsigned gridX()
{
    return emu::position().shape.gridX;
}

inline void syncThreads()
{
    emu::blockBarrier();
}
inline void syncWarp()
{
    emu::exchange(0, 0, kOpSync);
}
inline void fenceSystem() {}

template <class T>
T exchanged(T value, unsigned source, unsigned operation)
{
    static_assert(sizeof(T) <= 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = emu::exchange(bits, source, operation);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}
template <class T>
T shuffleXor(T value, unsigned mask)
{
    return exchanged(value, laneId() ^ mask, kOpXor + mask);
}
template <class T>
T shuffleFrom(T value, unsigned lane)
{
    return exchanged(value, lane, kOpFrom);
}
template <class T>
T shuffleUp(T value, unsigned distance)
{
    return exchanged(value, laneId() >= distance ? laneId() - distance : laneId(), kOpUp + distance);
}

inline void atomicAddTo(unsigned* at, unsigned value)
{
    *at += value;
}
inline void atomicAddTo(std::uint64_t* at, std::uint64_t value)
{
    *at += value;
}

/// sum += four products of int8.
inline int dot4(int a, int b, int sum)
{
    for (int i = 0; i < 32; i += 8)
        sum += int(std::int8_t(a >> i)) * int(std::int8_t(b >> i));
    return sum;
}
inline std::uint64_t multiplyHigh(std::uint64_t a, std::uint64_t b)
{
    __extension__ using Wide = unsigned __int128;
    return std::uint64_t((Wide(a) * b) >> 64);
}

inline float asFloat(std::uint32_t bits)
{
    return std::bit_cast<float>(bits);
}
inline std::uint32_t asBits(float value)
{
    return std::bit_cast<std::uint32_t>(value);
}
float halfBitsToFloat(std::uint16_t bits);
std::uint16_t floatToHalfBits(float value);
inline int roundToInt(float value)
{
    return value == value ? int(std::nearbyint(value)) : 0; // as the device converts a NaN
}
inline float roundedProduct(float a, float b)
{
    return a * b;
}
inline float power2(float value)
{
    return std::exp2(value);
}
inline float logarithm2(float value)
{
    return std::log2(value);
}

} // namespace ls::cuda
