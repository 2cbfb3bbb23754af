#pragma once

#include "core/error.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// u32 little-endian length, then that many bytes of CBOR.
namespace ls {

std::vector<std::uint8_t> frame(std::span<const std::uint8_t> payload);

/// Collects bytes as they come from a pipe and hands out whole payloads. Nothing is allocated for a length that is
/// over the limit: next() then returns ProtocolMessage, and the stream cannot go on.
class FrameReader {
public:
    void append(std::span<const std::uint8_t> bytes);
    /// A payload, nothing yet, or an error.
    Result<std::optional<std::vector<std::uint8_t>>> next();
    std::size_t pending() const { return m_buffer.size() - m_start; }

private:
    std::vector<std::uint8_t> m_buffer;
    std::size_t m_start = 0;
};

} // namespace ls
