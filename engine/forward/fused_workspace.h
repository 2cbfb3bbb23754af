#pragma once

#include "engine/model/config.h"
#include "engine/model/weights.h"

#include "kernels/cpu/attention.h"
#include "kernels/cpu/linear.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

namespace ls {

/// Values that are written before they are read; grows only.
class FloatBuffer {
public:
    float* reserve(std::int64_t count)
    {
        if (count > m_count) {
            m_values = std::unique_ptr<float[]>(new float[std::size_t(count)]); // not zeroed
            m_count = count;
        }
        return m_values.get();
    }
    const float* data() const { return m_values.get(); }

private:
    std::unique_ptr<float[]> m_values;
    std::int64_t m_count = 0;
};

/// What a fused block writes on its way; one per thread, shared by all plans, because blocks run one after the other.
struct FusedWorkspace {
    static FusedWorkspace& ofThread();

    kernels::Activations input;
    kernels::Attention attend;
    FloatBuffer normed, q, k, v, z, gate, act, attention, mlp;
    std::vector<std::int32_t> recent;

    /// y = norm(x) for rows of `width`; x may be y; nothing happens where the norm is undefined and x is y.
    void normalise(kernels::WorkerPool& pool, const ModelConfig& config, const Norm& norm, const float* x,
                   std::int64_t rows, std::int64_t width, float* y);
    /// x [n, width] as the input of products with the given matrices.
    void set(kernels::WorkerPool& pool, std::initializer_list<kernels::Matrix> readers, const float* x, int n,
             std::int64_t width);
    /// norm(x) likewise. Returns the rows themselves if `wanted`, else perhaps null.
    const float* setNormed(kernels::WorkerPool& pool, const ModelConfig& config,
                           std::initializer_list<kernels::Matrix> readers, const Norm& norm, const float* x, int n,
                           std::int64_t width, bool wanted);
};

} // namespace ls
