#pragma once

#include "kernels/cuda/launch.h"

/// What a probe needs of the residual stream, reduced on the device, and copies of it for a reader beside the run.
namespace ls::cuda {

/// out[t * outStride] = Euclidean norm of row t; out[t * outStride + 1 + i] = row t . directions[i]. x: [tokens, cols],
/// directions: [directionCount, cols] or null. A block a token.
struct TapReduction {
    const float* x = nullptr;
    int tokens = 0;
    std::int64_t cols = 0, stride = 0;
    const float* directions = nullptr;
    int directionCount = 0;
    float* out = nullptr;
    std::int64_t outStride = 0;
};
Launch reduceTap(const TapReduction& job, Stream stream);

/// A ring of slots, one for each step, in memory of the device: slot s % count of step s holds RingHeader and then the
/// taps of the step, each at an offset that the plan fixed. A writer never waits: a reader that is too slow finds
/// another step's number in the header, before or after it copied the slot, and knows that the step is lost.
struct Ring {
    std::uint8_t* memory = nullptr; ///< [count, slotBytes], aligned to 16
    std::int64_t slotBytes = 0;     ///< RingHeader and taps, a multiple of 16
    int count = 0;
    const std::int64_t* step = nullptr; ///< on the device: number of the step that runs, from 0 on
};
struct RingHeader {
    std::int64_t begun = 0, finished = 0; ///< step + 1 before its first and after its last tap is written
};
static_assert(sizeof(RingHeader) == 16);

enum class TapType : std::uint8_t { F32, BF16 };
/// First launch of a step: marks the slot as begun.
Launch beginStep(const Ring& ring, Stream stream);
/// x [tokens, cols] into the step's slot, `offset` bytes from its start (16 at least, a multiple of 4), rows close
/// together. BadShape if it does not fit into the slot.
Launch copyTap(const Ring& ring, std::int64_t offset, TapType type, const float* x, int tokens, std::int64_t cols,
               std::int64_t stride, Stream stream);
/// Last launch of a step: marks the slot as finished and moves *step (of the ring, hence not const) on.
Launch finishStep(const Ring& ring, std::int64_t* step, Stream stream);

} // namespace ls::cuda
