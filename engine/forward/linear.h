#pragma once

#include "engine/model/config.h"
#include "engine/model/weights.h"

namespace ls {

/// x W^T (+ bias) of x [n, in] and W [out, in] -> [n, out]. One row: float32 by our own kernel whatever W is; several:
/// in W's dtype. A native matrix is decoded to float32 on the way. bias: float32 [out] or undefined.
at::Tensor project(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias = {});

/// The same on kernels/cpu, always float32 -> [n, out]; x: contiguous rows.
at::Tensor projectOnKernels(const at::Tensor& x, const WeightMatrix& weight, const at::Tensor& bias = {});

/// Normalised rows of x (float32, contiguous), each of the norm's width; x itself where the norm is undefined.
at::Tensor normalise(const at::Tensor& x, const Norm& norm, const ModelConfig& config);

} // namespace ls
