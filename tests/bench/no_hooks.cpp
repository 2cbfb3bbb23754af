#define LAYERSCOPE_NO_HOOKS
#include "tests/bench/no_hooks.h"

// Everything that both copies share comes first, under its own name ...
#include "engine/forward/attention.h"
#include "engine/forward/forward_path.h"
#include "engine/forward/fused_workspace.h"
#include "engine/forward/kernel_pool.h"
#include "engine/forward/linear.h"
#include "engine/forward/mlp.h"
#include "engine/forward/rotary_angles.h"
#include "engine/forward/stage_clock.h"
#include "engine/forward/vocabulary.h"

#include "kernels/cpu/cache_write.h"
#include "kernels/cpu/elementwise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string_view>

namespace ls {
ForwardPath noHooksForwardPath(); // in place of the one that the headers above have declared
}

// ... and what depends on hooks gets another one, so that the linker keeps both.
#define BlockMatrices NoHooksBlockMatrices
#define Forward NoHooksForwardPass
#define ForwardInput NoHooksForwardInput
#define FusedBlocks NoHooksFusedBlocks
#define Step NoHooksStep
#define TapSink NoHooksTapSink
#define applyEdits noHooksApplyEdits
#define checkInput noHooksCheckInput
#define defaultForwardPath noHooksForwardPath
#define runPlainBlock noHooksPlainBlock
// clang-format off
#include "engine/forward/step.h"
#include "engine/forward/plain_block.h"
#include "engine/forward/forward.cpp"
#include "engine/forward/fused_blocks.cpp"
// clang-format on

namespace ls {

// Never called: the copy runs the fused path, and nothing is edited.
void noHooksApplyEdits(const std::vector<SiteEdit>&, at::Tensor&, const NoHooksStep&)
{
    std::abort();
}
void noHooksPlainBlock(const ForwardPlan&, const NoHooksStep&, at::Tensor&, int, const RotaryAngles&)
{
    std::abort();
}

namespace bench {

struct NoHooksForward::Impl {
    NoHooksForwardPass pass;
};

NoHooksForward::NoHooksForward(PlanPtr plan)
    : m_impl(new Impl{NoHooksForwardPass(std::move(plan), ForwardPath::Fused)})
{
}

NoHooksForward::~NoHooksForward() = default;

Status NoHooksForward::run(std::span<const std::int32_t> ids, int promptLength, KvCache& cache)
{
    NoHooksForwardInput input;
    input.ids = ids;
    input.promptLength = promptLength;
    LS_TRY(const at::Tensor ignored, m_impl->pass.run(input, cache));
    return success();
}

} // namespace bench
} // namespace ls
