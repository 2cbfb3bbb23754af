#pragma once

#include "engine/forward/forward.h"

#include <ATen/core/Tensor.h>

namespace ls {

/// False only in the copy of the forward pass that tests/bench/no_hooks.cpp compiles: no taps, no edits, no skips, no
/// timers. What the hooks cost while nothing uses them is the difference to it.
#ifdef LAYERSCOPE_NO_HOOKS
inline constexpr bool kHooks = false;
#else
inline constexpr bool kHooks = true;
#endif

/// One chunk of positions of one sequence on its way through the blocks; its rows of the stream [rows, d] (float32) are
/// [row, row + n). A pass has one step, or those of a batch behind each other.
struct Step {
    int row = 0;
    int first = 0; ///< position of the first row
    int n = 0;
    int promptLength = 0;
    TapSink* taps = nullptr;
    KvCache* cache = nullptr;
    StageClock* clock = nullptr; ///< the same in all steps of a pass

    bool wants(Site site, int layer) const { return kHooks && taps && taps->wants({site, layer}); }
    void tap(Site site, int layer, const at::Tensor& value) const
    {
        if (!wants(site, layer))
            return;
        const Stage before = enter(&StageTimes::hooks);
        taps->onTap({site, layer}, value, first);
        enter(before);
    }
    /// What follows counts to `stage`; result: the stage before.
    Stage enter(Stage stage) const { return kHooks && clock ? clock->enter(stage) : stage; }
};

/// A method's changes to the rows [n, d] of a site. The result has storage of its own where anything changed.
void applyEdits(const std::vector<SiteEdit>& edits, at::Tensor& value, const Step& step);

} // namespace ls
