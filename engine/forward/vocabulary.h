#pragma once

#include "engine/forward/forward_path.h"
#include "engine/model/model.h"

namespace ls {

/// Stream [n, d] float32 that enters block 0; ids: [n] int32 or int64. Storage of its own.
at::Tensor embed(const Model& model, const at::Tensor& ids, int firstPosition);

/// Logits [n, vocab] float32 of rows [n, d] that the final norm has seen.
at::Tensor logitsOf(const Model& model, const at::Tensor& normed, ForwardPath path);

} // namespace ls
