#pragma once

#include "kernels/cuda/module/device.h"
#include "kernels/emu/launch.h"

/// The emulator as a device of kernels/cuda/module: memory of the host, recordings as lists of launches.
/// In the emulated module besides its interface: allocations of all its devices that live, for tests.
extern "C" std::int64_t lsEmuAllocated();

namespace ls::emu {

std::int64_t allocatedEverywhere();

class EmuDevice : public cuda::Device {
public:
    cuda::Stream stream() const override { return const_cast<Stream*>(&m_stream); }
    void* allocate(std::size_t bytes) override;
    void release(void* memory) override;
    bool copyIn(void* to, const void* from, std::size_t bytes) override;
    bool copyOut(void* to, const void* from, std::size_t bytes) override;
    bool copyOn(void* to, const void* from, std::size_t bytes) override { return copyOut(to, from, bytes); }
    bool beginRecording() override;
    std::unique_ptr<cuda::Recording> endRecording() override;
    bool replay(cuda::Recording& recording) override;
    void* allocateHost(std::size_t bytes) override { return allocate(bytes); }
    void releaseHost(void* memory) override { release(memory); }
    bool copyBeside(void* host, const void* from, std::size_t bytes) override { return copyOut(host, from, bytes); }
    bool waitBeside() override { return true; }
    bool multiplyMany(const cuda::Gemm& job) override;
    std::string error() const override { return m_error.empty() ? lastError() : m_error; }

    std::int64_t m_launches = 0;           ///< replayed so far
    std::int64_t m_allocated = 0;          ///< allocations that live
    std::size_t m_limit = ~std::size_t(0); ///< bytes of one allocation that the device has

private:
    Stream m_stream;
    std::vector<std::function<bool()>> m_recorded;
    std::string m_error;
};

} // namespace ls::emu
