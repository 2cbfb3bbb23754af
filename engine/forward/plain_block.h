#pragma once

#include "engine/forward/rotary_angles.h"
#include "engine/forward/step.h"

namespace ls {

/// One block from stream to stream [step.n, d], operation by operation through libtorch: the second implementation that
/// the fused one is compared with.
void runPlainBlock(const ForwardPlan& plan, const Step& step, at::Tensor& stream, int layer,
                   const RotaryAngles& angles);

} // namespace ls
