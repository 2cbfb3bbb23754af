#pragma once

#include "engine/forward/forward_path.h"
#include "engine/forward/fused_blocks.h"
#include "engine/forward/plan.h"
#include "engine/forward/rotary_angles.h"
#include "engine/forward/stage_clock.h"
#include "engine/model/kv_cache.h"

#include <functional>
#include <span>
#include <vector>

/// Runs a plan over token ids.
namespace ls {

/// Receives tapped values. `value` has the site's shape for the positions of this call, in the run dtype (float32 for
/// scores and patterns), and is only valid inside the call: clone what you keep.
class TapSink {
public:
    virtual ~TapSink() = default;
    virtual bool wants(HookPoint point) const = 0; ///< asked once per site and call
    virtual void onTap(HookPoint point, const at::Tensor& value, int firstPosition) = 0;
};

struct ForwardInput {
    std::span<const std::int32_t> ids; ///< appended at cache.length()
    int promptLength = 0;              ///< for token masks: positions below it are prompt
    bool allLogits = false;            ///< logits of every position, else of the last only
    TapSink* taps = nullptr;
    std::function<bool()> interrupted; ///< asked between blocks of a prefill; true = stop
    StageClock* clock = nullptr;       ///< running; the pass enters its stages. A batch enters those of its first input
};

class Forward {
public:
    explicit Forward(PlanPtr plan, ForwardPath path = defaultForwardPath());
    const ForwardPlan& plan() const { return *m_plan; }
    /// Logits float32 [1 or ids, vocab]; the cache is longer by ids. On error (Cancelled, NanStream, PromptEmpty,
    /// ContextTooLarge, InvalidParameter) the cache is as before.
    Result<at::Tensor> run(const ForwardInput& input, KvCache& cache);

    /// Several sequences at once, each with its own cache, taps and positions: their rows share every product, and
    /// every row is what run() makes of it (within 1e-5 of its largest value). Logits of each. `interrupted` is asked
    /// of all. The caches are different objects. On error, as of run(), all caches are as before.
    Result<std::vector<at::Tensor>> runBatch(std::span<const ForwardInput> inputs, std::span<KvCache* const> caches);

private:
    struct Pass;
    bool wantsPatterns(const ForwardInput& input) const;
    Status runPass(Pass& pass, bool checkBlocks);
    Error firstNotFinite(const Pass& failed); ///< once more with a look at every block, to name the first
    void runBlock(Pass& pass, int layer);     ///< from stream to stream

    PlanPtr m_plan;
    ForwardPath m_path;
    RotaryAngles m_angles;
    FusedBlocks m_fused;
};

/// Whether ids can be appended to a sequence of `length`: PromptEmpty, InvalidParameter, ContextTooLarge.
Status checkInput(const Model& model, std::span<const std::int32_t> ids, int length);

/// Final norm and unembedding of any stream vectors [n, d] -> float32 logits [n, vocab].
at::Tensor unembed(const Model& model, const at::Tensor& stream);

} // namespace ls
