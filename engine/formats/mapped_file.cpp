#include "engine/formats/mapped_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ls {

Result<MappedFile> MappedFile::open(const std::string& path)
{
    const auto failed = [&](const char* hint) {
        return Error{Errc::FileNotFound, fmt::format("{} cannot be read.", path), hint, std::strerror(errno)};
    };
    // without O_NONBLOCK a named pipe would wait for its writer
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return failed("Check the path and the permissions.");
    struct stat status {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(descriptor);
        return failed("This is not a file. Choose a .gguf or .safetensors file.");
    }
    const auto size = std::size_t(status.st_size);
    void* address = size == 0 ? nullptr : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (address == MAP_FAILED)
        return failed("The file could not be mapped into memory.");
    return MappedFile({static_cast<const std::uint8_t*>(address), size});
}

void releasePages(std::span<const std::uint8_t> bytes)
{
    const auto page = std::uintptr_t(sysconf(_SC_PAGESIZE));
    const auto begin = (std::uintptr_t(bytes.data()) + page - 1) / page * page;
    const auto end = (std::uintptr_t(bytes.data()) + bytes.size()) / page * page;
    if (begin < end)
        madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : m_bytes(std::exchange(other.m_bytes, {}))
{
}

MappedFile::~MappedFile()
{
    if (!m_bytes.empty())
        munmap(const_cast<std::uint8_t*>(m_bytes.data()), m_bytes.size());
}

} // namespace ls
