#pragma once

#include <cstdint>

namespace ls::kernels {

/// Zeroed memory for weights and caches in pages of 2 MiB where the system has them (a quarter faster to stream through
/// than pages of 4 KiB, measured), aligned to 64 bytes at least. Put a whole model into one: what is left behind the
/// last whole 2 MiB lies in small pages. Pages that are never written take no memory.
class HugeMemory {
public:
    HugeMemory() = default;
    /// data() is null if the system refuses.
    explicit HugeMemory(std::int64_t bytes);
    ~HugeMemory();
    HugeMemory(HugeMemory&& other) noexcept;
    HugeMemory& operator=(HugeMemory&& other) noexcept;

    std::uint8_t* data() const { return m_data; }
    std::int64_t size() const { return m_size; } ///< as asked for

private:
    std::uint8_t* m_data = nullptr;
    std::int64_t m_size = 0;
    void* m_mapping = nullptr; // Linux: what to unmap
    std::int64_t m_mappingSize = 0;
};

} // namespace ls::kernels
