#pragma once

#include "core/protocol/messages.h"

#include <cstdint>
#include <string>

/// What the engine says about itself and the machine.
namespace ls {

std::int64_t residentBytes();   ///< of this process, /proc/self/statm
std::int64_t availableMemory(); ///< MemAvailable
std::string cpuFeature();       ///< "AVX-512 VNNI", "AVX2", ...
std::string buildText();        ///< compiler, libtorch version, CPU features
DeviceInfo cpuDevice(int threads);
int coreCount(); ///< this process may use

} // namespace ls
