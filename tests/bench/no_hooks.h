#pragma once

#include "engine/forward/plan.h"
#include "engine/model/kv_cache.h"

#include <memory>
#include <span>

/// The forward pass on kernels/cpu compiled a second time without hooks (LAYERSCOPE_NO_HOOKS in
/// engine/forward/step.h), to measure what hooks cost while nothing uses them. Only benchmarks link it.
namespace ls::bench {

class NoHooksForward {
public:
    explicit NoHooksForward(PlanPtr plan);
    ~NoHooksForward();
    /// As Forward::run with these ids, without taps.
    Status run(std::span<const std::int32_t> ids, int promptLength, KvCache& cache);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace ls::bench
