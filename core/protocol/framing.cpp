#include "core/protocol/framing.h"

#include "core/protocol/messages.h"

#include <fmt/format.h>

namespace ls {

std::vector<std::uint8_t> frame(std::span<const std::uint8_t> payload)
{
    const auto length = std::uint32_t(payload.size());
    std::vector<std::uint8_t> out(4 + payload.size());
    for (int i = 0; i < 4; ++i)
        out[i] = std::uint8_t(length >> (8 * i));
    std::copy(payload.begin(), payload.end(), out.begin() + 4);
    return out;
}

void FrameReader::append(std::span<const std::uint8_t> bytes)
{
    if (m_start > 0 && m_start * 2 > m_buffer.size()) { // amortised: each byte is moved at most once
        m_buffer.erase(m_buffer.begin(), m_buffer.begin() + std::ptrdiff_t(m_start));
        m_start = 0;
    }
    m_buffer.insert(m_buffer.end(), bytes.begin(), bytes.end());
}

Result<std::optional<std::vector<std::uint8_t>>> FrameReader::next()
{
    if (pending() < 4)
        return std::optional<std::vector<std::uint8_t>>{};
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i)
        length |= std::uint32_t(m_buffer[m_start + i]) << (8 * i);
    if (length > kMaxMessageBytes)
        return Error{Errc::ProtocolMessage, "The engine sent something that is no message.",
                     "Restart the engine. If something prints to its standard output, stop that.",
                     fmt::format("length {} is over the limit of {}", length, kMaxMessageBytes)};
    if (pending() < 4 + std::size_t(length))
        return std::optional<std::vector<std::uint8_t>>{};
    const auto first = m_buffer.begin() + std::ptrdiff_t(m_start) + 4;
    std::vector<std::uint8_t> payload(first, first + length);
    m_start += 4 + std::size_t(length);
    return std::optional(std::move(payload));
}

} // namespace ls
