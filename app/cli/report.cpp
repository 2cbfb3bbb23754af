#include "app/cli/render.h"
#include "app/cli/session_support.h"

#include <fmt/format.h>

namespace ls::cli {

namespace {

Result<int> run(const std::string& file, const std::string& out)
{
    LS_TRY(const SessionPtr session, Session::open(file, true));
    LS_TRY(const auto files, writeReport(*session, out));
    for (const std::string& path : files)
        fmt::print("{}\n", path);
    return 0;
}

} // namespace

void addReport(CLI::App& app, Action& action)
{
    auto file = std::make_shared<std::string>();
    auto out = std::make_shared<std::string>();
    auto* command = app.add_subcommand("report", "Numbers, pictures and PDF from a session");
    command->add_option("session", *file, "Session file (.lsdb)")->required();
    command->add_option("--out", *out, "Folder to write to")->required();
    command->callback([=, &action] { action = [=] { return run(*file, *out); }; });
}

} // namespace ls::cli
