#include "core/process/conversation.h"

#include "core/protocol/codec.h"

namespace ls {

namespace {

/// How often the interrupt flag is looked at while the engine says nothing.
constexpr std::chrono::milliseconds kTurn{100};

std::uint32_t requestIdOf(const ClientMessage& message)
{
    return std::visit(
        [](const auto& concrete) -> std::uint32_t {
            if constexpr (requires { concrete.requestId; })
                return concrete.requestId;
            else
                return 0;
        },
        message);
}

Error cancelled()
{
    return {Errc::Cancelled, "Stopped.", "Run it again to have the whole result.", {}};
}

} // namespace

Status converse(EngineProcess& engine, const ClientMessage& request,
                const std::function<Result<Heard>(const EngineMessage&)>& hear, const std::atomic<bool>* interrupted)
{
    const std::uint32_t id = requestIdOf(request);
    LS_CHECK(engine.send(request));
    bool stopping = false;
    for (;;) {
        if (interrupted && *interrupted && !stopping) {
            stopping = true;
            LS_CHECK(engine.send(Cancel{engine.nextRequestId(), id}));
        }
        LS_TRY(auto message, engine.receive(kTurn));
        if (!message)
            continue;
        if (const auto* failed = std::get_if<Failed>(&*message); failed && failed->requestId == id)
            return stopping ? cancelled() : failed->error();
        LS_TRY(const Heard heard, hear(*message));
        if (heard == Heard::Done) {
            if (stopping)
                return cancelled();
            return success();
        }
    }
}

} // namespace ls
