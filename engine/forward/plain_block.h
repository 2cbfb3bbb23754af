#pragma once

#include "engine/forward/rotary_angles.h"
#include "engine/forward/step.h"
#include "engine/model/kv_cache.h"

namespace ls {

/// One block, operation by operation through libtorch: the second implementation that the fused one is compared with.
void runPlainBlock(const ForwardPlan& plan, Step& step, int layer, const RotaryAngles& angles, KvCache& cache);

} // namespace ls
