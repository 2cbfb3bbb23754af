#pragma once

#include "kernels/cpu/kernel_table.h"

#include <cstdint>

namespace ls::cuda {

/// One layer's keys (after rotary) and values on the device, each [kvHeads, capacity, width], a row's values next to
/// each other. Aligned to the value's size; to 16 bytes for the fast loads, which also need width * size % 16 == 0.
struct CacheMemory {
    kernels::CacheType type = kernels::CacheType::F32;
    void *keys = nullptr, *values = nullptr;
    std::int64_t headStride = 0; ///< values from one KV head to the next, at least capacity * width
    std::int64_t capacity = 0;   ///< rows
};

/// As kernels::HeadShape: query head h reads KV head h / (heads / kvHeads); s <- cap * tanh(s / cap) after the scale.
struct HeadLayout {
    int heads = 0, kvHeads = 0, width = 0; ///< width 1 to 256
    float scale = 1.0f, softCap = 0.0f;
};
inline constexpr int kMaxHeadWidth = 256;

} // namespace ls::cuda
