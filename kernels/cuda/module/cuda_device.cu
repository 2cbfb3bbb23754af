#include "kernels/cuda/matvec.h"
#include "kernels/cuda/module/cublas.h"
#include "kernels/cuda/module/make_device.h"

#include <cuda_runtime.h>

#include <cstring>

/// The device interface on CUDA. Compiled only so far: no GPU was at hand (docs/adr/0007).
namespace ls::cuda {

namespace {

struct Graph : Recording {
    explicit Graph(cudaGraphExec_t own)
        : exec(own)
    {
    }
    ~Graph() override { cudaGraphExecDestroy(exec); }
    cudaGraphExec_t exec;
};

class CudaDevice : public Device {
public:
    static std::unique_ptr<Device> make(int number, std::string& problem)
    {
        auto device = std::make_unique<CudaDevice>();
        const bool made = device->ok(cudaSetDevice(number)) &&
                          device->ok(cudaStreamCreateWithFlags(&device->m_stream, cudaStreamNonBlocking)) &&
                          device->ok(cudaStreamCreateWithFlags(&device->m_beside, cudaStreamNonBlocking)) &&
                          device->ok(cudaEventCreateWithFlags(&device->m_reached, cudaEventDisableTiming));
        if (made)
            return device;
        problem = device->m_error;
        return nullptr;
    }
    ~CudaDevice() override
    {
        if (m_stream)
            cudaStreamSynchronize(m_stream);
        if (m_reached)
            cudaEventDestroy(m_reached);
        if (m_beside)
            cudaStreamDestroy(m_beside);
        if (m_stream)
            cudaStreamDestroy(m_stream);
    }

    Stream stream() const override { return m_stream; }
    void* allocate(std::size_t bytes) override
    {
        void* memory = nullptr;
        return ok(cudaMalloc(&memory, bytes)) ? memory : nullptr;
    }
    void release(void* memory) override
    {
        cudaStreamSynchronize(m_stream);
        cudaFree(memory);
    }
    bool copyIn(void* to, const void* from, std::size_t bytes) override
    {
        return ok(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, m_stream)) &&
               ok(cudaStreamSynchronize(m_stream));
    }
    bool copyOut(void* to, const void* from, std::size_t bytes) override
    {
        return ok(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, m_stream)) &&
               ok(cudaStreamSynchronize(m_stream));
    }
    bool copyOn(void* to, const void* from, std::size_t bytes) override
    {
        return ok(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, m_stream));
    }
    bool beginRecording() override { return ok(cudaStreamBeginCapture(m_stream, cudaStreamCaptureModeThreadLocal)); }
    std::unique_ptr<Recording> endRecording() override
    {
        cudaGraph_t graph = nullptr;
        if (!ok(cudaStreamEndCapture(m_stream, &graph)) || !graph)
            return nullptr;
        cudaGraphExec_t exec = nullptr;
        const bool made = ok(cudaGraphInstantiate(&exec, graph, 0));
        cudaGraphDestroy(graph);
        return made ? std::make_unique<Graph>(exec) : nullptr;
    }
    bool replay(Recording& recording) override
    {
        return ok(cudaGraphLaunch(static_cast<Graph&>(recording).exec, m_stream));
    }
    void* allocateHost(std::size_t bytes) override
    {
        void* memory = nullptr;
        return ok(cudaMallocHost(&memory, bytes)) ? memory : nullptr;
    }
    void releaseHost(void* memory) override { cudaFreeHost(memory); }
    bool copyBeside(void* host, const void* from, std::size_t bytes) override
    {
        return ok(cudaEventRecord(m_reached, m_stream)) && ok(cudaStreamWaitEvent(m_beside, m_reached, 0)) &&
               ok(cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, m_beside));
    }
    bool waitBeside() override { return ok(cudaStreamSynchronize(m_beside)); }
    bool multiplyMany(const Gemm& job) override
    {
        if (m_cublas.multiply(job, m_stream))
            return true;
        // Without cuBLAS: eight tokens at a time by our own kernel, slower and as right.
        const MatvecInput in{job.x, int(job.tokens), job.cols, job.cols};
        const MatvecMatrix matrix{kernels::WeightFormat::F32, reinterpret_cast<const std::uint8_t*>(job.weights),
                                  job.rows, job.out, job.outStride};
        const Launch result = ls::cuda::multiply(in, &matrix, 1, m_stream);
        if (result != Launch::Ok)
            m_error = launchName(result);
        return result == Launch::Ok;
    }
    std::string error() const override { return m_error; }

private:
    bool ok(cudaError_t error)
    {
        if (error == cudaSuccess)
            return true;
        m_error = cudaGetErrorString(error);
        cudaGetLastError(); // a refused allocation would else be the error of the next launch
        return false;
    }

    cudaStream_t m_stream = nullptr, m_beside = nullptr;
    cudaEvent_t m_reached = nullptr;
    Cublas m_cublas;
    std::string m_error;
};

} // namespace

std::unique_ptr<Device> makeDevice(int number, std::string& problem)
{
    return CudaDevice::make(number, problem);
}

int listDevices(LsCudaDevice* out, int room)
{
    int count = 0, before = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess)
        return 0;
    cudaGetDevice(&before);
    for (int i = 0; i < count && i < room; ++i) {
        cudaDeviceProp properties{};
        std::size_t free = 0, total = 0;
        if (cudaGetDeviceProperties(&properties, i) == cudaSuccess && cudaSetDevice(i) == cudaSuccess)
            cudaMemGetInfo(&free, &total);
        std::strncpy(out[i].name, properties.name, sizeof out[i].name - 1);
        out[i].name[sizeof out[i].name - 1] = '\0';
        out[i].memoryBytes = std::int64_t(total);
        out[i].freeBytes = std::int64_t(free);
        out[i].major = properties.major;
        out[i].minor = properties.minor;
    }
    cudaSetDevice(before);
    return count;
}

} // namespace ls::cuda
