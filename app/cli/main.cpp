#include "app/cli/context.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

namespace {

void onInterrupt(int)
{
    ls::cli::interrupted = true;
    std::signal(SIGINT, SIG_DFL); // a second Ctrl-C ends the program at once
}

/// An unset variable of a script must not mean "no methods" or "no reference". An empty prompt has words of its own.
void refuseEmptyValues(const CLI::App& app)
{
    for (const CLI::App* command : app.get_subcommands())
        for (const CLI::Option* option : command->get_options()) // those of option groups are among them
            for (const std::string& value : option->results())
                if (value.empty() && option->get_name() != "--prompt")
                    throw CLI::ValidationError(option->get_name(), "the value is empty");
}

ls::Error notPrinted(int number)
{
    return {ls::Errc::FileNotWritable, "The result could not be written to standard output.",
            "Make room, or send it elsewhere, then run it again.", std::strerror(number)};
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
        refuseEmptyValues(app);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    std::signal(SIGINT, onInterrupt);
    std::signal(SIGPIPE, SIG_IGN); // `| head`: stdout fails, and the command ends by itself
    try {
        const auto code = action();
        if (code && std::fflush(stdout) == 0)
            return code.value();
        if (!code)
            cli::printError(code.error());
        else if (errno != EPIPE)
            cli::printError(notPrinted(errno));
    } catch (const std::system_error& error) {      // the text library throws when standard output fails
        if (error.code() != std::errc::broken_pipe) // `| head` has seen enough
            cli::printError(notPrinted(error.code().value()));
    }
    return 1;
}
