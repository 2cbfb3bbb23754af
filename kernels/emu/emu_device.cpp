#include "kernels/emu/emu_device.h"

#include "kernels/cuda/module/make_device.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace ls::emu {

namespace {

std::atomic<std::int64_t> g_allocated{0}; // of all devices

struct Launches : cuda::Recording {
    std::vector<std::function<bool()>> all;
};

} // namespace

void* EmuDevice::allocate(std::size_t bytes)
{
    if (bytes > m_limit)
        return nullptr;
    void* memory = ::operator new(bytes, std::align_val_t(256), std::nothrow);
    if (memory) {
        std::memset(memory, 0xFF, bytes); // what nobody wrote reads as NaN
        ++m_allocated;
        ++g_allocated;
    }
    return memory;
}

void EmuDevice::release(void* memory)
{
    --m_allocated;
    --g_allocated;
    ::operator delete(memory, std::align_val_t(256));
}

bool EmuDevice::copyIn(void* to, const void* from, std::size_t bytes)
{
    std::memcpy(to, from, bytes);
    return true;
}

bool EmuDevice::copyOut(void* to, const void* from, std::size_t bytes)
{
    std::memcpy(to, from, bytes);
    return true;
}

bool EmuDevice::beginRecording()
{
    m_recorded.clear();
    m_stream.recording = &m_recorded;
    return true;
}

std::unique_ptr<cuda::Recording> EmuDevice::endRecording()
{
    m_stream.recording = nullptr;
    auto launches = std::make_unique<Launches>();
    launches->all = std::move(m_recorded);
    return launches;
}

bool EmuDevice::replay(cuda::Recording& recording)
{
    for (const auto& launch : static_cast<Launches&>(recording).all) {
        ++m_launches;
        if (!launch())
            return false;
    }
    return true;
}

bool EmuDevice::multiplyMany(const cuda::Gemm& job)
{
    if (m_stream.recording) {
        m_error = "products of many tokens are not recorded";
        return false;
    }
    for (std::int64_t t = 0; t < job.tokens; ++t) {
        for (std::int64_t r = 0; r < job.rows; ++r) {
            double sum = 0;
            for (std::int64_t c = 0; c < job.cols; ++c)
                sum += double(job.weights[r * job.cols + c]) * job.x[t * job.cols + c];
            job.out[t * job.outStride + r] = float(sum);
        }
    }
    return true;
}

std::int64_t allocatedEverywhere()
{
    return g_allocated;
}

} // namespace ls::emu

extern "C" LS_CUDA_EXPORT std::int64_t lsEmuAllocated()
{
    return ls::emu::allocatedEverywhere();
}

namespace ls::cuda {

std::unique_ptr<Device> makeDevice(int number, std::string& problem)
{
    if (number == 0) {
        auto device = std::make_unique<emu::EmuDevice>();
        if (const char* limit = std::getenv("LAYERSCOPE_EMU_MEMORY")) // tests of what happens when memory runs out
            device->m_limit = std::strtoull(limit, nullptr, 10);
        return device;
    }
    problem = "the emulator has one device";
    return nullptr;
}

int listDevices(LsCudaDevice* out, int room)
{
    if (room > 0)
        out[0] = {"emulated CUDA device", 0, 0, 0, 0}; // nobody may take it for a GPU
    return 1;
}

} // namespace ls::cuda
