#pragma once

#include "core/error.h"

#include <cstdint>
#include <span>
#include <string>

namespace ls {

/// A file mapped read-only; unmapped by the destructor.
class MappedFile {
public:
    static Result<MappedFile> open(const std::string& path);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();
    std::span<const std::uint8_t> bytes() const { return m_bytes; }

private:
    explicit MappedFile(std::span<const std::uint8_t> bytes)
        : m_bytes(bytes)
    {
    }
    std::span<const std::uint8_t> m_bytes;
};

/// Gives pages of a mapped file that have been read back at once, so that they do not count as memory in use. They may
/// be read again, from the file.
void releasePages(std::span<const std::uint8_t> bytes);

} // namespace ls
