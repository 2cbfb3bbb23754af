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

kernels::Matrix matrixOf(const at::Tensor& weight)
{
    kernels::Matrix matrix;
    matrix.format = weight.scalar_type() == at::kFloat  ? kernels::WeightFormat::F32
                    : weight.scalar_type() == at::kHalf ? kernels::WeightFormat::F16
                                                        : kernels::WeightFormat::BF16;
    matrix.rows = weight.size(0);
    matrix.cols = weight.size(1);
    matrix.data = static_cast<const std::uint8_t*>(weight.const_data_ptr());
    return matrix;
}

} // namespace ls
