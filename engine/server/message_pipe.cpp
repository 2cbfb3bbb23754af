#include "engine/server/message_pipe.h"

#include "core/bounded_json.h"
#include "core/protocol/framing.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace ls {

namespace {

/// The request id of a message that could not be decoded.
std::uint32_t requestIn(std::span<const std::uint8_t> payload)
{
    const auto body = parseCbor(payload);
    if (!body || !body->is_object())
        return 0;
    const auto id = body->find("request_id");
    return id != body->end() && id->is_number_unsigned() ? id->get<std::uint32_t>() : 0;
}

} // namespace

void MessageWriter::send(const EngineMessage& message)
{
    std::vector<std::uint8_t> payload = encode(message);
    if (payload.size() > kMaxMessageBytes) {
        const Error error{
            Errc::NotSupported,
            fmt::format("The result has {} MB, a message may have {}.", payload.size() >> 20, kMaxMessageBytes >> 20),
            "Ask for fewer sites, or use a shorter text.", typeName(message)};
        payload = encode(EngineMessage(Failed::from(requestIdOf(message), error)));
    }
    const std::vector<std::uint8_t> bytes = frame(payload);
    const std::scoped_lock lock(m_mutex);
    for (std::size_t done = 0; done < bytes.size() && !m_broken;) {
        const ssize_t written = ::write(m_descriptor, bytes.data() + done, bytes.size() - done);
        if (written > 0)
            done += std::size_t(written);
        else if (errno != EINTR)
            m_broken = true;
    }
}

bool readMessages(int descriptor, const std::function<void(ClientMessage)>& onMessage,
                  const std::function<void(std::uint32_t requestId, Error error)>& onError)
{
    FrameReader reader;
    std::array<std::uint8_t, 1 << 16> buffer;
    for (;;) {
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return true;
        reader.append({buffer.data(), std::size_t(count)});
        for (;;) {
            auto payload = reader.next();
            if (!payload) {
                onError(0, {Errc::ProtocolMessage, "The client sent something that is no message.",
                            "Start the engine from Layerscope, not by hand.", payload.error().detail});
                return false;
            }
            if (!payload.value())
                break;
            auto message = decodeClientMessage(*payload.value());
            if (message)
                onMessage(std::move(message).value());
            else
                onError(requestIn(*payload.value()), message.error());
        }
    }
}

Result<int> claimStandardOutput()
{
    const int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (own < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return Error{Errc::Internal, "The engine has no standard output.", "Start the engine from Layerscope.",
                     std::strerror(errno)};
    return own;
}

} // namespace ls
