#pragma once

#include "core/protocol/framing.h"
#include "core/protocol/messages.h"

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

/// The engine program as a child process, for callers that may block: the command line and tests. (The desktop's
/// client is ui/client: same messages, driven by Qt's event loop.)
namespace ls {

/// $LAYERSCOPE_ENGINE, else `layerscope-engine` beside the running program. Not checked for existence.
std::string engineProgram();
/// Folder of the running program (/proc/self/exe); empty if the system does not tell.
std::string programFolder();

struct EngineOptions {
    std::string program;                   ///< empty = engineProgram(); a name without slash is looked up in $PATH
    std::vector<std::string> arguments;    ///< after the program name
    std::string client = "layerscope-cli"; ///< who we are, for the engine's log
    std::chrono::milliseconds startLimit{30000}; ///< time for Ready to arrive
    bool echoLog = false;                        ///< copy the engine's stderr to ours as it comes
};

/// One thread owns it. Messages arrive in the engine's order; a message that was written before a death is still
/// handed out, then the error.
class EngineProcess {
public:
    /// Starts the program, says Hello and waits for Ready. Errors: EngineMissing (cannot be executed), EngineDied,
    /// ProtocolVersion, ProtocolMessage (what it wrote is no message), Cancelled never.
    static Result<std::unique_ptr<EngineProcess>> start(EngineOptions options = {});
    /// Closes the engine's stdin, waits up to 2 s for it to go, then ends it.
    ~EngineProcess();
    EngineProcess(const EngineProcess&) = delete;
    EngineProcess& operator=(const EngineProcess&) = delete;

    const Ready& ready() const { return m_ready; }
    pid_t pid() const { return m_pid; } ///< -1 once it was waited for
    std::uint32_t nextRequestId() { return ++m_lastRequest; }

    /// Blocks until the engine took all bytes; what it says meanwhile is kept for receive(). Errors: an earlier one. To
    /// an engine that has just died it succeeds: receive() still hands out what it said, then EngineDied.
    Status send(const ClientMessage& message);
    /// The next message; nothing after `timeout`, or early when a signal handler ran (the caller looks at its flag).
    /// Errors: EngineDied with signal or exit code and the last lines of its log as detail; ProtocolMessage (the
    /// process is then ended: a damaged stream cannot go on). After an error every further call returns it again.
    Result<std::optional<EngineMessage>> receive(std::chrono::milliseconds timeout);
    /// The last lines the engine wrote to stderr.
    std::string log() const;

private:
    EngineProcess() = default;
    Status spawn();
    Status handshake();
    bool pump(std::chrono::milliseconds timeout, bool wantWrite); ///< reads what is there; false = a signal came
    void readLog();
    Result<std::optional<EngineMessage>> decodeNext();
    Error fail(Error error);
    Error death();
    std::optional<int> waitForEnd(std::chrono::milliseconds limit);

    EngineOptions m_options;
    pid_t m_pid = -1;
    int m_in = -1, m_out = -1, m_err = -1; // our ends: engine's stdin, stdout, stderr
    bool m_outEnded = false;
    FrameReader m_reader;
    std::deque<std::string> m_log;
    std::string m_logTail; // a line that is not complete yet
    std::optional<Error> m_failure;
    Ready m_ready;
    std::uint32_t m_lastRequest = 0;
};

} // namespace ls
