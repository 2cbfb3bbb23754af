#pragma once

#include "core/protocol/messages.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace ls {

/// A request that runs; the reader sets the flag, the worker looks at it between blocks.
struct Job {
    explicit Job(std::uint32_t id)
        : requestId(id)
    {
    }
    const std::uint32_t requestId;
    std::atomic<bool> cancelled = false;
};

/// Messages on their way from the reader thread to the worker.
class Inbox {
public:
    struct Item {
        ClientMessage message;
        bool cancelled = false; ///< a Cancel came while it waited
    };

    // reader
    void push(ClientMessage message); ///< a Cancel is acted on here and not queued
    void close();                     ///< nothing more will come: every job is cancelled
    // worker
    /// Waits for the next message; nothing once closed.
    std::optional<Item> wait();
    /// Takes the first waiting message that `wanted` accepts, if there is one.
    std::optional<Item> take(const std::function<bool(const ClientMessage&)>& wanted);
    void waitForAny(); ///< until something arrives after now, or closed
    bool closed() const { return m_closed; }
    void begin(Job& job); ///< a Cancel that came since the message was taken counts
    void end(Job& job);

private:
    mutable std::mutex m_mutex;
    std::condition_variable m_arrived;
    std::deque<Item> m_items;
    std::vector<Job*> m_jobs;
    std::deque<std::uint32_t> m_unmatched; // targets of Cancels that neither waited nor ran, the newest few
    std::uint64_t m_arrivals = 0;
    std::atomic<bool> m_closed = false;
};

/// The request a client message starts; 0 for Hello.
std::uint32_t requestIdOf(const ClientMessage& message);

} // namespace ls
