#pragma once

#include "core/protocol/messages.h"

#include <string>

namespace ls::fake {

/// How the fake engine behaves; the options are listed in fake_engine.cpp.
struct Options {
    double rate = 400;
    int loadMs = 20, certifyMs = 0, eosAt = -1, crashAt = -1, killAt = -1, busErrorAt = -1, exitAt = -1, garbageAt = -1,
        version = kProtocolVersion;
    bool garbage = false, silent = false;
    std::string log;
    void misbehave(int generated) const; ///< crashes, ends or writes garbage if this token is the one
};

Options readOptions(int argc, char** argv);

} // namespace ls::fake
