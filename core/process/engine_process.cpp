#include "core/process/engine_process.h"

#include "core/protocol/codec.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ls {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLogLines = 40;
constexpr milliseconds kQuitLimit{2000};

void closeFd(int& fd)
{
    if (fd >= 0)
        ::close(fd);
    fd = -1;
}

void makeNonBlocking(int fd)
{
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

milliseconds left(Clock::time_point end)
{
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(end - Clock::now()));
}

Error missing(const std::string& program, int errorNumber)
{
    return {
        Errc::EngineMissing, fmt::format("The engine could not be started: {}.", std::strerror(errorNumber)),
        fmt::format("Check that {} exists and can be run, or set LAYERSCOPE_ENGINE to the engine program.", program),
        program};
}

/// "it was killed, most often because memory ran out" from a wait status.
Error deathOf(int status, const std::string& log)
{
    std::string why, hint = "Start again; what was shown is in the session.";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        why = "it was killed (signal 9), most often because memory ran out";
        hint = "Start again; choose a smaller context or model if it happens again.";
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) { // of a mapped file
        why = "a file that it was reading became shorter, or its disk failed (signal 7)";
        hint = "Check the model file: is it still being copied? Then start again.";
    } else if (WIFSIGNALED(status)) {
        why = fmt::format("it crashed with signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    } else {
        why = fmt::format("it ended with exit code {}", WEXITSTATUS(status));
    }
    return {Errc::EngineDied, fmt::format("The engine stopped: {}.", why), hint, log};
}

} // namespace

std::string programFolder()
{
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? std::string() : self.parent_path().string();
}

std::string engineProgram()
{
    if (const char* chosen = std::getenv("LAYERSCOPE_ENGINE"); chosen && *chosen)
        return chosen;
    return programFolder() + "/layerscope-engine";
}

Result<std::unique_ptr<EngineProcess>> EngineProcess::start(EngineOptions options)
{
    std::unique_ptr<EngineProcess> engine(new EngineProcess);
    engine->m_options = std::move(options);
    if (engine->m_options.program.empty())
        engine->m_options.program = engineProgram();
    LS_CHECK(engine->spawn());
    LS_CHECK(engine->handshake());
    return engine;
}

EngineProcess::~EngineProcess()
{
    closeFd(m_in); // the engine exits when its input closes
    if (m_pid > 0) {
        // It may be writing into a full pipe: read on, or it never sees that its input ended.
        for (const auto end = Clock::now() + kQuitLimit; !m_outEnded && Clock::now() < end;)
            pump(left(end), false);
        waitForEnd(kQuitLimit);
    }
    closeFd(m_out);
    closeFd(m_err);
}

Status EngineProcess::spawn()
{
    // stdin is a socket: writing to an engine that died is then an error value (MSG_NOSIGNAL), not a SIGPIPE.
    std::array<int, 2> in{-1, -1}, out{-1, -1}, err{-1, -1};
    const bool made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) == 0 &&
                      ::pipe2(out.data(), O_CLOEXEC) == 0 && ::pipe2(err.data(), O_CLOEXEC) == 0;
    const int pipeError = errno;
    m_in = in[0];
    m_out = out[0];
    m_err = err[0];
    int spawnError = pipeError;
    if (made) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[1], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        // A process group of its own: Ctrl-C reaches us, and we decide (cancel first, keep what is there).
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes, 0);
        std::vector<char*> argv{m_options.program.data()};
        for (std::string& argument : m_options.arguments)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        spawnError = ::posix_spawnp(&m_pid, m_options.program.c_str(), &actions, &attributes, argv.data(), environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    closeFd(in[1]);
    closeFd(out[1]);
    closeFd(err[1]);
    if (!made || spawnError != 0) {
        m_pid = -1;
        return missing(m_options.program, spawnError);
    }
    makeNonBlocking(m_in);
    makeNonBlocking(m_out);
    makeNonBlocking(m_err);
    return success();
}

Status EngineProcess::handshake()
{
    LS_CHECK(send(Hello{kProtocolVersion, m_options.client}));
    const auto end = Clock::now() + m_options.startLimit;
    while (Clock::now() < end) {
        LS_TRY(auto message, receive(left(end)));
        if (!message)
            continue;
        if (auto* ready = std::get_if<Ready>(&*message)) {
            m_ready = std::move(*ready);
            if (m_ready.version == kProtocolVersion)
                return success();
            return fail(
                {Errc::ProtocolVersion,
                 fmt::format("The engine speaks protocol {}, this program {}.", m_ready.version, kProtocolVersion),
                 "Start both from the same installation.", m_ready.engine});
        }
        if (const auto* failed = std::get_if<Failed>(&*message))
            return fail(failed->error());
    }
    return fail({Errc::EngineDied,
                 fmt::format("The engine did not answer within {} s.", m_options.startLimit.count() / 1000.0),
                 "Start again when the machine is less busy.", log()});
}

Status EngineProcess::send(const ClientMessage& message)
{
    if (m_failure)
        return *m_failure;
    const auto bytes = frame(encode(message));
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t n = ::send(m_in, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += std::size_t(n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            pump(milliseconds{200}, true); // an engine that waits for us to read would otherwise never read on
        else
            return success(); // it is gone: receive() hands out its last messages, then says why
    }
    return success();
}

Result<std::optional<EngineMessage>> EngineProcess::receive(milliseconds timeout)
{
    if (m_failure)
        return *m_failure;
    const auto end = Clock::now() + timeout;
    for (bool first = true;; first = false) {
        auto message = decodeNext();
        if (!message || message.value())
            return message;
        if (m_outEnded)
            return fail(death());
        if (!first && Clock::now() >= end)
            return std::optional<EngineMessage>{};
        if (!pump(left(end), false))
            return std::optional<EngineMessage>{};
    }
}

Result<std::optional<EngineMessage>> EngineProcess::decodeNext()
{
    auto payload = m_reader.next();
    if (!payload)
        return fail(payload.error());
    if (!payload.value())
        return std::optional<EngineMessage>{};
    auto message = decodeEngineMessage(*payload.value());
    if (!message)
        return fail(message.error());
    return std::optional<EngineMessage>(std::move(message).value());
}

bool EngineProcess::pump(milliseconds timeout, bool wantWrite)
{
    std::array<pollfd, 3> fds{{{m_outEnded ? -1 : m_out, POLLIN, 0}, {m_err, POLLIN, 0}, {-1, POLLOUT, 0}}};
    if (wantWrite)
        fds[2].fd = m_in;
    const int ready = ::poll(fds.data(), fds.size(), int(timeout.count()));
    if (ready <= 0)
        return ready == 0 || errno != EINTR;
    if (fds[1].revents != 0)
        readLog();
    if (fds[0].revents != 0) {
        std::array<std::uint8_t, 1 << 16> buffer;
        const ssize_t n = ::read(m_out, buffer.data(), buffer.size());
        if (n > 0)
            m_reader.append({buffer.data(), std::size_t(n)});
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            m_outEnded = true;
    }
    return true;
}

void EngineProcess::readLog()
{
    std::array<char, 4096> buffer;
    ssize_t n = 0;
    while (m_err >= 0 && (n = ::read(m_err, buffer.data(), buffer.size())) > 0) {
        if (m_options.echoLog)
            std::fwrite(buffer.data(), 1, std::size_t(n), stderr);
        m_logTail.append(buffer.data(), std::size_t(n));
        for (std::size_t line = 0; (line = m_logTail.find('\n')) != std::string::npos; m_logTail.erase(0, line + 1)) {
            m_log.push_back(m_logTail.substr(0, line));
            if (m_log.size() > kLogLines)
                m_log.pop_front();
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        closeFd(m_err);
}

std::string EngineProcess::log() const
{
    std::string text;
    for (const std::string& line : m_log)
        text += line + '\n';
    return text + m_logTail;
}

Error EngineProcess::fail(Error error)
{
    m_failure = std::move(error);
    closeFd(m_in);
    waitForEnd(milliseconds{0}); // no-op after death()
    return *m_failure;
}

Error EngineProcess::death()
{
    closeFd(m_in);
    const auto status = waitForEnd(kQuitLimit);
    readLog();
    if (!status)
        return {Errc::EngineDied, "The engine closed its output and did not go on.", "Start again.", log()};
    return deathOf(*status, log());
}

std::optional<int> EngineProcess::waitForEnd(milliseconds limit)
{
    if (m_pid <= 0)
        return std::nullopt;
    int status = 0;
    const auto end = Clock::now() + limit;
    while (::waitpid(m_pid, &status, WNOHANG) == 0) {
        if (Clock::now() >= end) {
            ::kill(m_pid, SIGKILL); // by our own hand: its status would tell nothing
            ::waitpid(m_pid, &status, 0);
            m_pid = -1;
            return std::nullopt;
        }
        std::this_thread::sleep_for(milliseconds{2});
    }
    m_pid = -1;
    return status;
}

} // namespace ls
