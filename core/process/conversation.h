#pragma once

#include "core/process/engine_process.h"

#include <atomic>
#include <functional>

namespace ls {

/// What the receiver of a message says: wait for more, or the request is answered.
enum class Heard { More, Done };

/// Sends a request and hands every message that belongs to it to `hear` until it says Done. Ends with the engine's own
/// error (Failed), with that of `hear`, or with EngineDied. When `*interrupted` becomes true the
/// request is cancelled once and the answer still waited for; then Cancelled is returned. Messages of other requests (a
/// SetMethods sent meanwhile) reach `hear` too; `hear` tells them apart by their id. Memory and Progress are messages
/// like any other.
Status converse(EngineProcess& engine, const ClientMessage& request,
                const std::function<Result<Heard>(const EngineMessage&)>& hear,
                const std::atomic<bool>* interrupted = nullptr);

/// The one answer of type T; `progress` (may be empty) gets everything else of the request.
template <typename T>
Result<T> ask(EngineProcess& engine, const ClientMessage& request,
              const std::function<void(const EngineMessage&)>& progress = {},
              const std::atomic<bool>* interrupted = nullptr)
{
    std::optional<T> answer;
    LS_CHECK(converse(
        engine, request,
        [&](const EngineMessage& message) -> Result<Heard> {
            if (const auto* found = std::get_if<T>(&message)) {
                answer = *found;
                return Heard::Done;
            }
            if (progress)
                progress(message);
            return Heard::More;
        },
        interrupted));
    return std::move(*answer);
}

} // namespace ls
