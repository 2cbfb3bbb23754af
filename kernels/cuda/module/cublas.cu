#include "kernels/cuda/module/cublas.h"

#include <dlfcn.h>

#if __has_include(<cublas_v2.h>)
#include <cublas_v2.h>
#define LS_HAS_CUBLAS 1
#endif

namespace ls::cuda {

#if defined(LS_HAS_CUBLAS)

namespace {

template <class Function>
Function* symbol(void* library, const char* name)
{
    return reinterpret_cast<Function*>(dlsym(library, name));
}

} // namespace

bool Cublas::open()
{
    m_tried = true;
    for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"})
        if (!m_library)
            m_library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!m_library)
        return false;
    const auto create = symbol<cublasStatus_t(cublasHandle_t*)>(m_library, "cublasCreate_v2");
    cublasHandle_t handle = nullptr;
    if (create && create(&handle) == CUBLAS_STATUS_SUCCESS)
        m_handle = handle;
    return m_handle;
}

Cublas::~Cublas()
{
    if (!m_handle)
        return; // the library stays open: its threads may still run
    if (const auto destroy = symbol<cublasStatus_t(cublasHandle_t)>(m_library, "cublasDestroy_v2"))
        destroy(static_cast<cublasHandle_t>(m_handle));
}

bool Cublas::multiply(const Gemm& job, Stream stream)
{
    if (!m_handle && (m_tried || !open()))
        return false;
    const auto setStream = symbol<cublasStatus_t(cublasHandle_t, cudaStream_t)>(m_library, "cublasSetStream_v2");
    const auto gemm =
        symbol<cublasStatus_t(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int, const void*,
                              const void*, cudaDataType, int, const void*, cudaDataType, int, const void*, void*,
                              cudaDataType, int, cublasComputeType_t, cublasGemmAlgo_t)>(m_library, "cublasGemmEx");
    if (!setStream || !gemm)
        return false;
    const auto handle = static_cast<cublasHandle_t>(m_handle);
    if (setStream(handle, static_cast<cudaStream_t>(stream)) != CUBLAS_STATUS_SUCCESS)
        return false;
    // Columns first, as cuBLAS sees our rows: out' [rows, tokens] = (weights')' x'.
    const float one = 1, zero = 0;
    return gemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, int(job.rows), int(job.tokens), int(job.cols), &one, job.weights,
                CUDA_R_32F, int(job.cols), job.x, CUDA_R_32F, int(job.cols), &zero, job.out, CUDA_R_32F,
                int(job.outStride), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS;
}

#else

Cublas::~Cublas() = default;
bool Cublas::open()
{
    return false;
}
bool Cublas::multiply(const Gemm&, Stream)
{
    return false;
}

#endif

} // namespace ls::cuda
