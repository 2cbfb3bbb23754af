#pragma once

#include "kernels/cpu/worker_pool.h"

namespace ls {

/// The process's threads for kernels/cpu, as many as at::get_num_threads() says at the time of the call. Call it from
/// the thread that runs models.
kernels::WorkerPool& kernelPool();

} // namespace ls
