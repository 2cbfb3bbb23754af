#include "engine/server/process_info.h"

#include <torch/headeronly/version.h>

#include <fmt/format.h>

#include <fstream>
#include <sched.h>
#include <unistd.h>

namespace ls {

std::int64_t residentBytes()
{
    std::ifstream file("/proc/self/statm");
    std::int64_t all = 0, resident = 0;
    file >> all >> resident;
    return resident * sysconf(_SC_PAGESIZE);
}

std::int64_t availableMemory()
{
    std::ifstream file("/proc/meminfo");
    std::string key, unit;
    for (std::int64_t kilobytes = 0; file >> key >> kilobytes; std::getline(file, unit))
        if (key == "MemAvailable:")
            return kilobytes * 1024;
    return 0;
}

std::string cpuFeature()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vnni"))
        return "AVX-512 VNNI";
    if (__builtin_cpu_supports("avx512f"))
        return "AVX-512";
    if (__builtin_cpu_supports("avx2"))
        return "AVX2";
    return "SSE";
#else
    return "no vector extensions known";
#endif
}

std::string buildText()
{
    return fmt::format("gcc {}.{}, libtorch {}, {}", __GNUC__, __GNUC_MINOR__, TORCH_VERSION, cpuFeature());
}

DeviceInfo cpuDevice(int threads)
{
    return {"cpu",
            fmt::format("CPU, {} {}, {}", threads, threads == 1 ? "thread" : "threads", cpuFeature()),
            availableMemory(),
            true,
            {}};
}

int coreCount()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

} // namespace ls
