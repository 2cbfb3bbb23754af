#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace ls::fuzz {

/// A file in memory with a path of its own, for readers that take a path.
class MemoryFile {
public:
    MemoryFile()
        : m_descriptor(memfd_create("fuzz", MFD_CLOEXEC))
    {
        if (m_descriptor < 0)
            std::abort();
    }
    ~MemoryFile() { close(m_descriptor); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    void write(const std::uint8_t* data, std::size_t size)
    {
        if (ftruncate(m_descriptor, 0) != 0 || pwrite(m_descriptor, data, size, 0) != ssize_t(size))
            std::abort();
    }
    std::string path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

private:
    int m_descriptor;
};

/// What a claim about the program is made with: the fuzzer keeps the input that breaks it.
inline void require(bool claim)
{
    if (!claim)
        std::abort();
}

/// An error tells the person what happened and what to do.
template <typename Error>
void requireWords(const Error& error)
{
    require(!error.message.empty() && !error.hint.empty());
}

} // namespace ls::fuzz
