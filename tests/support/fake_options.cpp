#include "tests/support/fake_options.h"

#include "tests/support/fake_wire.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <vector>

namespace ls::fake {

Options readOptions(int argc, char** argv)
{
    std::vector<std::string> words(argv + 1, argv + argc);
    if (const char* environment = std::getenv("FAKE_ENGINE")) {
        std::istringstream stream(environment);
        for (std::string word; stream >> word;)
            words.push_back(word);
    }
    Options out;
    const std::vector<std::pair<std::string, int*>> numbers{
        {"--load-ms", &out.loadMs},       {"--certify-ms", &out.certifyMs}, {"--eos-at", &out.eosAt},
        {"--crash-at", &out.crashAt},     {"--kill-at", &out.killAt},       {"--exit-at", &out.exitAt},
        {"--garbage-at", &out.garbageAt}, {"--version", &out.version},      {"--bus-error-at", &out.busErrorAt}};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto next = [&] { return i + 1 < words.size() ? words[++i] : std::string("0"); };
        const auto number = std::find_if(numbers.begin(), numbers.end(), [&](auto& n) { return n.first == words[i]; });
        if (number != numbers.end())
            *number->second = std::stoi(next());
        else if (words[i] == "--rate")
            out.rate = std::stod(next());
        else if (words[i] == "--garbage")
            out.garbage = true;
        else if (words[i] == "--silent")
            out.silent = true;
        else if (words[i] == "--log")
            out.log = next();
        else
            std::cerr << "fake-engine: unknown option " << words[i] << '\n';
    }
    return out;
}

void Options::misbehave(int generated) const
{
    if (generated == crashAt) {
        std::cerr << "fake-engine: about to crash\n";
        std::signal(SIGSEGV, SIG_DFL);
        std::raise(SIGSEGV);
    }
    if (generated == busErrorAt)
        std::raise(SIGBUS);
    if (generated == killAt)
        std::raise(SIGKILL);
    if (generated == exitAt) {
        std::cerr << "fake-engine: giving up\n";
        std::_Exit(3);
    }
    if (generated == garbageAt)
        sayGarbage();
}

} // namespace ls::fake
