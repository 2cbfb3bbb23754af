#include "engine/evaluate/scoring.h"
#include "engine/experiment/contextualisation.h"
#include "engine/experiment/experiment.h"
#include "engine/experiment/safety.h"
#include "engine/forward/registry.h"
#include "engine/generate/probe.h"
#include "engine/server/message_pipe.h"
#include "engine/server/server.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <string_view>
#include <unistd.h>

/// layerscope-engine: speaks the protocol on standard input and output, logs on standard error.
/// LAYERSCOPE_LOG=debug shows every request.
int main(int argc, char** argv)
{
    if (argc > 1 && std::string_view(argv[1]) == "--version") {
        fmt::print("layerscope-engine {}\n", LAYERSCOPE_VERSION);
        return 0;
    }
    if (argc > 1) {
        fmt::print(stderr,
                   "layerscope-engine takes no arguments but --version; the desktop and the command line start it.\n");
        return 2;
    }
    auto log = spdlog::stderr_logger_mt("engine");
    if (const char* level = std::getenv("LAYERSCOPE_LOG"))
        log->set_level(spdlog::level::from_str(level));
    const auto output = ls::claimStandardOutput();
    if (!output) {
        log->error("{} {}", output.error().message, output.error().detail);
        return 2;
    }
    ls::registerMethods(ls::MethodRegistry::instance());
    ls::registerStreamProbes(ls::ProbeRegistry::instance());
    ls::registerContextualisation(ls::ExperimentRegistry::instance(), ls::ProbeRegistry::instance());
    ls::registerEvaluations(ls::ExperimentRegistry::instance());
    ls::registerSafety(ls::ExperimentRegistry::instance(), ls::ProbeRegistry::instance());
    ls::Server(STDIN_FILENO, output.value(), [log](const std::string& line) { log->debug("{}", line); }).run();
}
