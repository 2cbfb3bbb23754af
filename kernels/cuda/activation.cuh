#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cuda/portable.h"

#include <cmath>

namespace ls::cuda {

/// x * sigmoid(x); the tanh form of GELU; with the error function.
LSK_DEVICE float activated(kernels::Gate kind, float x)
{
    if (kind == kernels::Gate::Silu)
        return x / (1.0f + power2(-1.44269504f * x));
    if (kind == kernels::Gate::Gelu)
        return 0.5f * x * (1.0f + erff(0.70710678f * x));
    return 0.5f * x * (1.0f + tanhf(0.79788456f * x * (1.0f + 0.044715f * x * x)));
}

} // namespace ls::cuda
