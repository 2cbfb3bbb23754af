#pragma once

#include "engine/forward/forward_path.h"
#include "engine/model/model.h"

#include <span>

namespace ls {

/// Stream [n, d] float32 that enters block 0, of n ids at these positions. Storage of its own.
at::Tensor embed(const Model& model, std::span<const std::int32_t> ids, std::span<const std::int32_t> positions);

/// Logits [n, vocab] float32 of rows [n, d] that the final norm has seen.
at::Tensor logitsOf(const Model& model, const at::Tensor& normed, ForwardPath path);

} // namespace ls
