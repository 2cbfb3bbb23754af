#pragma once

#include "engine/forward/forward.h"

#include <functional>
#include <span>

/// The residual stream of a text at all layers, for experiments.
namespace ls {

/// Dense pass over the ids with a fresh cache. Result float32 [L+1, n, d]: index 0 = embed, l = after block l-1;
/// n = ids, or 1 (the last position) with `lastOnly`. Errors: those of Forward::run.
Result<at::Tensor> captureStreams(Forward& forward, std::span<const std::int32_t> ids, bool lastOnly,
                                  const std::function<bool()>& interrupted);

/// The sites of captureStreams, in its order.
std::vector<HookPoint> streamSites(int blockCount);

/// A forward pass without methods.
Forward denseForward(const std::shared_ptr<const Model>& model);

} // namespace ls
