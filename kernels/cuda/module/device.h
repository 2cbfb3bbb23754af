#pragma once

#include "kernels/cuda/launch.h"

#include <cstddef>
#include <memory>
#include <string>

/// What the decoder needs of a device besides kernels. Implemented by CUDA (cuda_device.cu) and by the emulator
/// (kernels/emu/emu_device.h), so that the whole step runs in tests.
namespace ls::cuda {

/// Launches that were recorded once and are started together (a CUDA graph).
class Recording {
public:
    virtual ~Recording() = default;
};

/// out[t, r] = x[t, :] . weights[r, :] for a prompt: float32, everything on the device, rows close together.
struct Gemm {
    const float* weights = nullptr; ///< [rows, cols]
    const float* x = nullptr;       ///< [tokens, cols]
    float* out = nullptr;           ///< [tokens, rows], outStride from token to token
    std::int64_t rows = 0, cols = 0, tokens = 0, outStride = 0;
};

/// Used by one thread. Functions that return bool: false after an error, see error().
class Device {
public:
    virtual ~Device() = default;
    virtual Stream stream() const = 0;             ///< for launches
    virtual void* allocate(std::size_t bytes) = 0; ///< aligned to 256; null if there is no memory
    virtual void release(void* memory) = 0;
    virtual bool copyIn(void* to, const void* from, std::size_t bytes) = 0;  ///< after launches so far; waits
    virtual bool copyOut(void* to, const void* from, std::size_t bytes) = 0; ///< after launches so far; waits
    virtual bool copyOn(void* to, const void* from, std::size_t bytes) = 0;  ///< on the device, after launches so far
    virtual bool beginRecording() = 0; ///< launches on stream() are kept instead of run
    virtual std::unique_ptr<Recording> endRecording() = 0;
    virtual bool replay(Recording& recording) = 0;
    /// Copies to memory of the host on a second stream: after the launches so far, beside those that follow. waitBeside
    /// returns when all such copies are done.
    virtual void* allocateHost(std::size_t bytes) = 0;
    virtual void releaseHost(void* memory) = 0;
    virtual bool copyBeside(void* host, const void* from, std::size_t bytes) = 0;
    virtual bool waitBeside() = 0;
    virtual bool multiplyMany(const Gemm& job) = 0;
    virtual std::string error() const = 0;
};

/// Memory of a device, released with the object.
class DeviceBuffer {
public:
    DeviceBuffer() = default;
    DeviceBuffer(Device& device, std::size_t bytes)
        : m_device(&device)
        , m_memory(bytes > 0 ? device.allocate(bytes) : nullptr)
        , m_failed(bytes > 0 && !m_memory)
    {
    }
    DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
    DeviceBuffer& operator=(DeviceBuffer&& other) noexcept
    {
        std::swap(m_device, other.m_device);
        std::swap(m_memory, other.m_memory);
        std::swap(m_failed, other.m_failed);
        return *this;
    }
    ~DeviceBuffer()
    {
        if (m_memory)
            m_device->release(m_memory);
    }
    bool failed() const { return m_failed; }
    template <class T>
    T* as() const
    {
        return static_cast<T*>(m_memory);
    }

private:
    Device* m_device = nullptr;
    void* m_memory = nullptr;
    bool m_failed = false;
};

} // namespace ls::cuda
