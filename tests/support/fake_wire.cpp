#include "tests/support/fake_wire.h"

#include "core/protocol/codec.h"
#include "core/protocol/framing.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <unistd.h>

namespace ls::fake {

namespace {

void writeAll(const std::vector<std::uint8_t>& bytes)
{
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t n = ::write(STDOUT_FILENO, bytes.data() + done, bytes.size() - done);
        if (n <= 0)
            std::_Exit(0); // nobody listens any more
        done += std::size_t(n);
    }
}

} // namespace

void say(const EngineMessage& message)
{
    writeAll(frame(encode(message)));
}

void sayGarbage()
{
    writeAll({'g', 'a', 'r', 'b', 'a', 'g', 'e', '!', '\n'});
}

void Inbox::run()
{
    FrameReader reader;
    std::array<std::uint8_t, 65536> buffer;
    for (ssize_t n = 0; (n = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) {
        reader.append({buffer.data(), std::size_t(n)});
        for (auto payload = reader.next(); payload && payload.value(); payload = reader.next()) {
            auto message = decodeClientMessage(*payload.value());
            if (!message) {
                say(Failed::from(0, message.error()));
                continue;
            }
            const std::lock_guard lock(m_mutex);
            m_queue.push_back(std::move(message).value());
            m_arrived.notify_all();
        }
    }
    std::_Exit(0);
}

ClientMessage Inbox::next()
{
    std::unique_lock lock(m_mutex);
    m_arrived.wait(lock, [&] { return !m_queue.empty(); });
    ClientMessage message = std::move(m_queue.front());
    m_queue.pop_front();
    return message;
}

std::optional<ClientMessage> Inbox::nextUrgent(Clock::time_point until)
{
    std::unique_lock lock(m_mutex);
    do {
        const auto found = std::find_if(m_queue.begin(), m_queue.end(), [](const ClientMessage& message) {
            return std::holds_alternative<SetMethods>(message) || std::holds_alternative<Cancel>(message) ||
                   std::holds_alternative<Pause>(message) || std::holds_alternative<Shutdown>(message);
        });
        if (found != m_queue.end()) {
            ClientMessage message = std::move(*found);
            m_queue.erase(found);
            return message;
        }
    } while (m_arrived.wait_until(lock, until) == std::cv_status::no_timeout);
    return std::nullopt;
}

} // namespace ls::fake
