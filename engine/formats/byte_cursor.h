#pragma once

#include "core/error.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ls {

/// Walks through the header of a file that may lie: every length is checked against the bytes that are left before
/// anything is read or allocated.
class ByteCursor {
public:
    explicit ByteCursor(std::span<const std::uint8_t> bytes)
        : m_bytes(bytes)
    {
    }
    std::size_t offset() const { return m_offset; }
    std::size_t left() const { return m_bytes.size() - m_offset; }

    /// FileFormat, with the byte offset in detail.
    Error damaged(std::string_view what) const
    {
        return {Errc::FileFormat, fmt::format("The file is damaged or cut off: {}.", what),
                "Fetch the file again and compare its size with the original.",
                fmt::format("{} at byte {}", what, m_offset)};
    }

    template <typename T>
    Result<T> take()
    {
        if (left() < sizeof(T))
            return damaged("it ends inside a number");
        T value;
        std::memcpy(&value, m_bytes.data() + m_offset, sizeof(T));
        m_offset += sizeof(T);
        return value;
    }

    /// A text with a 64-bit length in front.
    Result<std::string> takeText()
    {
        LS_TRY(const auto length, take<std::uint64_t>());
        if (length > left())
            return damaged("a text is longer than the file");
        std::string text(reinterpret_cast<const char*>(m_bytes.data() + m_offset), std::size_t(length));
        m_offset += std::size_t(length);
        return text;
    }

private:
    std::span<const std::uint8_t> m_bytes;
    std::size_t m_offset = 0;
};

} // namespace ls
