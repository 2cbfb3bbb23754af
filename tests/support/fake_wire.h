#pragma once

#include "core/protocol/messages.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

/// stdin and stdout of the fake engine.
namespace ls::fake {

using Clock = std::chrono::steady_clock;

void say(const EngineMessage& message); ///< ends the program when nobody listens
void sayGarbage();

/// Messages from stdin, read by a thread; its end ends the program.
class Inbox {
public:
    [[noreturn]] void run(); ///< the reading thread
    ClientMessage next();
    /// The next message that a running request has to look at now (SetMethods, Cancel, Pause, Shutdown); others stay.
    std::optional<ClientMessage> nextUrgent(Clock::time_point until);

private:
    std::mutex m_mutex;
    std::condition_variable m_arrived;
    std::deque<ClientMessage> m_queue;
};

} // namespace ls::fake
