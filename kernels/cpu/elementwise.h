#pragma once

#include "kernels/cpu/kernel_table.h"

/// Small steps between the products, in the variant in use.
namespace ls::kernels {

/// y = act(gate) * up, [count] each; y may be either.
inline void gateActivation(Gate kind, const float* gate, const float* up, float* y, std::int64_t count)
{
    kernelTable().gate(kind, gate, up, y, count);
}

/// y += x.
inline void addTo(const float* x, float* y, std::int64_t count)
{
    kernelTable().add(x, y, count);
}

/// Index of the largest value, the first of equals; NaN is never chosen.
inline std::int64_t argmax(const float* x, std::int64_t count)
{
    return kernelTable().argmax(x, count);
}

/// Rounds to the cache's type: a row of keys after rotary, or of values.
inline void writeCache(CacheType type, const float* x, void* out, std::int64_t count)
{
    kernelTable().toCache(type, x, out, count);
}

} // namespace ls::kernels
