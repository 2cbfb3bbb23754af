#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Runs the threads of CUDA kernels on the CPU, one at a time and always in the same order: blocks one after the other,
/// the threads of a block as fibers that take turns at barriers and warp operations.
///
/// Reported as errors: a barrier that some threads of the block never reach, a warp operation that some lanes of the
/// warp never reach or that meets another one, a write past either end of shared memory, a violated LSK_ASSERT. Shared
/// memory is filled with 0xFF before each block, so that what nobody wrote reads as NaN (float, half) or -1.
/// Not shown: races inside a warp, coalescing, limits of registers, speed.
namespace ls::emu {

struct LaunchShape {
    unsigned gridX = 1, gridY = 1, gridZ = 1;
    unsigned threads = 32;       ///< of a block, a multiple of 32, at most 1024
    std::size_t sharedBytes = 0; ///< dynamic shared memory of a block
};

/// Runs `body` once for each thread. False after an error: see lastError(); the threads that were waiting are dropped.
bool run(const LaunchShape& shape, const std::function<void()>& body);
/// What went wrong in the last run of this thread, with block and thread; empty after success.
const std::string& lastError();

/// 0: threads take turns in ascending order. Other even values shuffle the order of every round; odd ones let one warp
/// run far ahead of the others, until it waits for them. A missing barrier that one order hides shows in another.
void setSchedule(std::uint64_t seed);

/// What launches on a stream do: run at once, or wait in a list (the counterpart of a CUDA graph while it is captured).
struct Stream {
    std::vector<std::function<bool()>>* recording = nullptr;
};

// --- What kernels/emu/device.h is made of; inside a running kernel only. ---

struct Position {
    unsigned thread = 0, blockX = 0, blockY = 0, blockZ = 0;
    LaunchShape shape;
};
const Position& position();
std::uint8_t* sharedMemory();
void blockBarrier();
/// Every lane of the warp gives a value and gets that of lane `source`. `operation`: what kind; lanes of a warp that
/// meet at different ones are an error.
std::uint64_t exchange(std::uint64_t value, unsigned source, unsigned operation);
/// Ends the run with a message.
[[noreturn]] void fail(const char* message);

} // namespace ls::emu
