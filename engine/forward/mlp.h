#pragma once

#include "engine/forward/forward_path.h"
#include "engine/model/config.h"
#include "engine/model/weights.h"

#include <functional>

namespace ls {

/// Called with the pre-activation and the input of the down projection, [n, d_ff] each; not for mixtures of experts.
using MlpTap = std::function<void(const at::Tensor& pre, const at::Tensor& act)>;

/// down(act(gate h) * up h), or down(act(up h)) without a gate; a mixture sums the chosen experts' results by the
/// router's weights. h: [n, d] float32, contiguous -> [n, d] float32. tap may be empty. The router is libtorch's on
/// both paths; on the fused one kernels/cpu multiplies the experts' matrices.
at::Tensor runMlp(const at::Tensor& h, const BlockWeights& weights, const ModelConfig& config, ForwardPath path,
                  const MlpTap& tap);

} // namespace ls
