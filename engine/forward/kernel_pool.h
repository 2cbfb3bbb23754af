#pragma once

#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/worker_pool.h"

#include <ATen/core/Tensor.h>

namespace ls {

/// The process's threads for kernels/cpu, as many as at::get_num_threads() says at the time of the call. Call it from
/// the thread that runs models.
kernels::WorkerPool& kernelPool();

/// A contiguous matrix [rows, cols], float32, float16 or bfloat16, as kernels see it.
kernels::Matrix matrixOf(const at::Tensor& weight);

} // namespace ls
