#pragma once

#include "kernels/cuda/module/device.h"

/// cuBLAS, opened when a prompt first needs it: the module also loads where the library is missing.
namespace ls::cuda {

class Cublas {
public:
    Cublas() = default;
    Cublas(const Cublas&) = delete;
    Cublas& operator=(const Cublas&) = delete;
    ~Cublas();
    /// False where there is no cuBLAS or it refuses. float32 with float32 sums, no TF32.
    bool multiply(const Gemm& job, Stream stream);

private:
    bool open();
    void* m_library = nullptr;
    void* m_handle = nullptr; // cublasHandle_t
    bool m_tried = false;
};

} // namespace ls::cuda
