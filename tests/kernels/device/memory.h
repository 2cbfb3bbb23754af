#pragma once

#include "kernels/cuda/launch.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#if defined(LAYERSCOPE_ON_DEVICE)
#include <cuda_runtime.h>
#endif

/// Memory of kernels under test: of the device (tests/gpu), or ordinary memory in the emulator. The same cases run on
/// both.
namespace ls::test {

inline void* deviceAllocate(std::size_t bytes)
{
#if defined(LAYERSCOPE_ON_DEVICE)
    void* memory = nullptr;
    return cudaMalloc(&memory, bytes) == cudaSuccess ? memory : nullptr;
#else
    return ::operator new(bytes, std::align_val_t(256));
#endif
}
inline void deviceFree(void* memory)
{
#if defined(LAYERSCOPE_ON_DEVICE)
    cudaFree(memory);
#else
    ::operator delete(memory, std::align_val_t(256));
#endif
}
inline void deviceCopy(void* to, const void* from, std::size_t bytes)
{
#if defined(LAYERSCOPE_ON_DEVICE)
    cudaMemcpy(to, from, bytes, cudaMemcpyDefault); // also waits for the kernels before it
#else
    if (bytes > 0)
        std::memcpy(to, from, bytes);
#endif
}

/// Values on the device, aligned to 256 bytes plus `shift` values, between guards of 256 bytes that a write outside
/// would change.
template <class T>
class DeviceArray {
public:
    explicit DeviceArray(const std::vector<T>& values, std::size_t shift = 0)
        : m_count(values.size())
        , m_before(kGuard + shift * sizeof(T))
        , m_bytes(m_before + values.size() * sizeof(T) + kGuard)
        , m_memory(static_cast<std::uint8_t*>(deviceAllocate(m_bytes)))
    {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
        std::vector<std::uint8_t> image(m_before, kGuardByte);
        image.insert(image.end(), bytes, bytes + m_count * sizeof(T));
        image.resize(m_bytes, kGuardByte);
        deviceCopy(m_memory, image.data(), m_bytes);
    }
    DeviceArray(std::size_t count, T value)
        : DeviceArray(std::vector<T>(count, value))
    {
    }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    ~DeviceArray() { deviceFree(m_memory); }

    T* data() const { return reinterpret_cast<T*>(m_memory + m_before); }
    std::vector<T> read() const
    {
        std::vector<T> out(m_count);
        deviceCopy(out.data(), data(), m_count * sizeof(T));
        return out;
    }
    bool guardsHold() const
    {
        std::vector<std::uint8_t> image(m_bytes);
        deviceCopy(image.data(), m_memory, m_bytes);
        for (std::size_t i = 0; i < m_bytes; ++i)
            if ((i < m_before || i >= m_bytes - kGuard) && image[i] != kGuardByte)
                return false;
        return true;
    }

private:
    static constexpr std::size_t kGuard = 256;
    static constexpr std::uint8_t kGuardByte = 0xA5;
    std::size_t m_count, m_before, m_bytes;
    std::uint8_t* m_memory;
};

/// Empty, or why a launch that should have worked did not.
inline std::string failureOf(cuda::Launch result)
{
    return result == cuda::Launch::Ok ? std::string()
                                      : std::string(cuda::launchName(result)) + ": " + cuda::launchError();
}

} // namespace ls::test
