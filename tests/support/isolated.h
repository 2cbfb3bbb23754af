#pragma once

#include "core/error.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

/// Runs a reader in a process of its own: a crash, an endless loop or a greedy allocation is a result, not the end of
/// the test.
namespace ls::test {

struct Verdict {
    bool ended = false; ///< by itself; otherwise `how` says what ended it
    bool refused = false;
    std::string code, message, hint;
    std::int64_t peakGrowth = -1; ///< bytes of resident memory above the start; -1 where the system does not tell
    std::string how;
};

/// Processor seconds after which a reader counts as hanging; processor time, because tests run beside others.
inline constexpr rlim_t kHangSeconds = 2;

namespace detail {

/// A line of /proc/self/status in bytes; 0 if there is none.
inline std::int64_t statusBytes(const std::string& key)
{
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":"))
            return std::strtoll(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
    return 0;
}

/// Sets the peak back to what is resident now.
inline bool resetPeak()
{
    std::ofstream file("/proc/self/clear_refs");
    return bool(file << "5" << std::flush);
}

inline void report(int descriptor, const Status& status, std::int64_t growth)
{
    const std::string text =
        status.ok() ? fmt::format("0\n{}\n", growth)
                    : fmt::format("1\n{}\n{}\n{}\n{}", growth, errcName(status.error().code),
                                  status.error().message.empty() ? "" : status.error().message, status.error().hint);
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t written = ::write(descriptor, text.data() + at, text.size() - at);
        if (written <= 0)
            _exit(3);
        at += std::size_t(written);
    }
}

} // namespace detail

/// `read` runs in a forked process; other threads of the test do not exist there.
inline Verdict isolated(const std::function<Status()>& read)
{
    Verdict verdict;
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0)
        return verdict;
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        const rlimit time{kHangSeconds, kHangSeconds + 1};
        ::setrlimit(RLIMIT_CPU, &time);
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::signal(SIGABRT, SIG_DFL); // Qt Test's handlers would print a trace for each
        ::signal(SIGSEGV, SIG_DFL);
        ::alarm(60);
        const bool measured = detail::resetPeak();
        const std::int64_t before = detail::statusBytes("VmRSS");
        const Status status = read();
        detail::report(ends[1], status, measured ? detail::statusBytes("VmHWM") - before : -1);
        _exit(0);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), std::size_t(got));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    verdict.ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!verdict.ended) {
        verdict.how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an exit code";
        return verdict;
    }
    std::istringstream lines(text);
    std::string refused, growth;
    std::getline(lines, refused);
    std::getline(lines, growth);
    verdict.refused = refused == "1";
    verdict.peakGrowth = std::strtoll(growth.c_str(), nullptr, 10);
    std::getline(lines, verdict.code);
    std::getline(lines, verdict.message);
    std::getline(lines, verdict.hint);
    return verdict;
}

/// What the file justifies: it may be read, dequantised and described, and a program needs some room to work in.
inline std::int64_t justifiedBytes(std::int64_t fileBytes)
{
    return (std::int64_t(12) << 20) + 40 * fileBytes;
}

/// Empty when the verdict is a refusal in words that cost little; otherwise what is wrong with it.
inline std::string complaint(const Verdict& verdict, std::int64_t fileBytes)
{
    if (!verdict.ended)
        return "ended by " + verdict.how;
    if (!verdict.refused)
        return "was accepted";
    if (verdict.code == "internal" || verdict.message.empty() || verdict.hint.empty())
        return fmt::format("said \"{}\" ({}), hint \"{}\"", verdict.message, verdict.code, verdict.hint);
    if (verdict.peakGrowth > justifiedBytes(fileBytes))
        return fmt::format("took {} bytes for a file of {}", verdict.peakGrowth, fileBytes);
    return {};
}

} // namespace ls::test
