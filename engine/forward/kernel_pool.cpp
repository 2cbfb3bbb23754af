#include "engine/forward/kernel_pool.h"

#include <ATen/Parallel.h>

#include <memory>

namespace ls {

kernels::WorkerPool& kernelPool()
{
    static thread_local std::unique_ptr<kernels::WorkerPool> pool;
    const int threads = at::get_num_threads();
    if (!pool || pool->threads() != threads)
        pool = std::make_unique<kernels::WorkerPool>(threads);
    return *pool;
}

} // namespace ls
