#include "app/cli/render.h"

#include "app/cli/session_support.h"
#include "core/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ls::cli {

namespace fs = std::filesystem;

namespace {

/// `layerscope --render SESSION --out DIR` without a display. Its messages go to our stderr, so does its stdout.
Status renderOffscreen(const std::string& program, const std::string& session, const std::string& dir)
{
    ::setenv("QT_QPA_PLATFORM", "offscreen", 1);
    std::vector<std::string> words{program, "--render", session, "--out", dir};
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t pid = -1;
    const int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (failed != 0 || ::waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error{Errc::Internal, "Pictures and PDF could not be made.",
                     fmt::format("The session is complete; try {} --render {} --out {}.", program, session, dir),
                     fmt::format("wait status {}", status)};
    return success();
}

} // namespace

Result<std::vector<std::string>> writeReport(Session& session, const std::string& dir)
{
    std::error_code error;
    fs::create_directories(dir, error);
    const std::string csv = (fs::path(dir) / fs::path(session.path()).stem()).string() + ".csv";
    LS_CHECK(writeMetricsCsv(csv, session));
    const report::Document document = buildReport(session);
    for (const char* name : {"report.html", "tables.csv"})
        LS_CHECK(ls::writeReport((fs::path(dir) / name).string(), document));
    LS_CHECK(session.flush());
    const std::string program = programFolder() + "/layerscope";
    if (fs::exists(program))
        LS_CHECK(renderOffscreen(program, fs::absolute(session.path()).string(), fs::absolute(dir).string()));
    else
        fmt::print(stderr, "No desktop program beside this one: no pictures and no PDF.\n");
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(dir, error))
        if (entry.path().extension() != ".lsdb-wal" && entry.path().extension() != ".lsdb-shm")
            files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace ls::cli
