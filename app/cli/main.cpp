#include "app/cli/context.h"

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace {

void onInterrupt(int)
{
    ls::cli::interrupted = true;
    std::signal(SIGINT, SIG_DFL); // a second Ctrl-C ends the program at once
}

} // namespace

int main(int argc, char** argv)
{
    // Read by the engine's OpenMP when it is loaded: its threads wait 30 us awake, then sleep. Waiting awake for longer
    // (its default) slows a busy machine down many times.
    if (!std::getenv("OMP_WAIT_POLICY"))
        setenv("GOMP_SPINCOUNT", "10000", 0);
    using namespace ls;
    CLI::App app{"Layerscope without a window: look into language models, switch methods, compare."};
    app.name("layerscope-cli");
    app.set_version_flag("--version", "layerscope-cli " LAYERSCOPE_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.add_flag("-v,--verbose", cli::verbose, "Print the engine's log and details of errors");
    cli::Action action;
    for (const auto add :
         {cli::addInspect, cli::addTokenize, cli::addRenderChat, cli::addCapture, cli::addGenerate, cli::addPerplexity,
          cli::addBench, cli::addRun, cli::addEval, cli::addReport, cli::addRerun, cli::addTour, cli::addCertify})
        add(app, action);
    char pair[] = "--pg";
    for (int i = 1, bench = 0; i < argc; ++i) {
        bench |= std::string_view(argv[i]) == "bench";
        if (bench &&
            std::string_view(argv[i]) == "-pg") // as llama-bench calls it; the parser's short names have a letter
            argv[i] = pair;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    std::signal(SIGINT, onInterrupt);
    std::signal(SIGPIPE, SIG_IGN); // `| head`: stdout fails, and the command ends by itself
    const auto code = action();
    if (code)
        return code.value();
    cli::printError(code.error());
    return 1;
}
