#include "kernels/cpu/huge_memory.h"

#include <cstring>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ls::kernels {

#if defined(__linux__)

HugeMemory::HugeMemory(std::int64_t bytes)
{
    constexpr std::int64_t kPage = 2 << 20;
    const std::int64_t rounded = (bytes + kPage - 1) / kPage * kPage;
    if (bytes <= 0)
        return;
    void* mapping = mmap(nullptr, std::size_t(rounded + kPage), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return;
    m_mapping = mapping;
    m_mappingSize = rounded + kPage;
    const auto address = reinterpret_cast<std::uintptr_t>(mapping);
    m_data = static_cast<std::uint8_t*>(mapping) +
             (std::uintptr_t(kPage) - address % std::uintptr_t(kPage)) % std::uintptr_t(kPage);
    m_size = bytes;
    // only advice: without it the pages are small. Not the last, partial one: it would count in full from its first
    // byte
    if (const std::int64_t whole = bytes / kPage * kPage; whole > 0)
        madvise(m_data, std::size_t(whole), MADV_HUGEPAGE);
}

HugeMemory::~HugeMemory()
{
    if (m_mapping)
        munmap(m_mapping, std::size_t(m_mappingSize));
}

#else

HugeMemory::HugeMemory(std::int64_t bytes)
{
    if (bytes <= 0)
        return;
    m_mapping = ::operator new[](std::size_t(bytes), std::align_val_t(64), std::nothrow);
    m_data = static_cast<std::uint8_t*>(m_mapping);
    if (!m_data)
        return;
    m_size = bytes;
    std::memset(m_data, 0, std::size_t(bytes));
}

HugeMemory::~HugeMemory()
{
    ::operator delete[](m_mapping, std::align_val_t(64));
}

#endif

HugeMemory::HugeMemory(HugeMemory&& other) noexcept
{
    *this = std::move(other);
}

HugeMemory& HugeMemory::operator=(HugeMemory&& other) noexcept
{
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    std::swap(m_mapping, other.m_mapping);
    std::swap(m_mappingSize, other.m_mappingSize);
    return *this;
}

} // namespace ls::kernels
