#pragma once

#include "core/protocol/codec.h"

#include <functional>
#include <mutex>

namespace ls {

/// Writes whole messages to a descriptor of its own; any thread may send.
class MessageWriter {
public:
    explicit MessageWriter(int descriptor)
        : m_descriptor(descriptor)
    {
    }
    /// Blocks while the pipe is full. After the other end is gone messages are dropped; the reader notices the end.
    /// A message over the protocol's limit is replaced by Failed.
    void send(const EngineMessage& message);

private:
    std::mutex m_mutex;
    int m_descriptor;
    bool m_broken = false;
};

/// Reads frames from a descriptor until it closes. onMessage gets what was understood, onError what was not, with the
/// request it would have been (0 if even that is unreadable): a bad message inside a good frame is skipped, a bad
/// frame ends the stream (returns false).
bool readMessages(int descriptor, const std::function<void(ClientMessage)>& onMessage,
                  const std::function<void(std::uint32_t requestId, Error error)>& onError);

/// Takes standard output for messages alone: returns a private copy of descriptor 1, which is then redirected to
/// standard error, so that a library that prints cannot damage the stream.
Result<int> claimStandardOutput();

} // namespace ls
