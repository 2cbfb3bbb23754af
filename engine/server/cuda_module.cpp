#include "engine/server/cuda_module.h"

#include "kernels/cuda/module/abi.h"

#include <fmt/format.h>

#include <charconv>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ls {

namespace {

void* driverLibrary()
{
    static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    return library;
}

/// "580.65.06" of "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Tue ...": the first word with two dots
/// or one that begins with a digit.
std::optional<std::string> installedDriver()
{
    std::ifstream file("/proc/driver/nvidia/version");
    std::string line;
    std::getline(file, line);
    std::istringstream words(line);
    for (std::string word; words >> word;)
        if (word.front() >= '0' && word.front() <= '9' && word.find('.') != std::string::npos)
            return word;
    return std::nullopt;
}

CudaState look()
{
    CudaState state;
    state.driver = driverLibrary() != nullptr;
    if (!state.driver)
        return state;
    state.driverVersion = installedDriver();
    std::error_code error; // no /proc: then the module is looked for in the library path alone
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto file =
        error ? std::filesystem::path("liblayerscope_cuda.so") : program.parent_path() / "liblayerscope_cuda.so";
    if (!std::filesystem::exists(file, error))
        return state;
    void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        state.moduleError = dlerror();
        return state;
    }
    const auto version = reinterpret_cast<decltype(&lsCudaAbi)>(dlsym(module, "lsCudaAbi"));
    state.module = version && version() == kLsCudaAbi;
    if (!state.module)
        state.moduleError = "it belongs to another version of Layerscope";
    return state;
}

} // namespace

std::string cudaReason(const CudaState& state)
{
    if (!state.driver)
        return "no NVIDIA driver found";
    if (state.driverVersion) {
        const std::string& text = *state.driverVersion;
        int major = 0;
        std::from_chars(text.data(), text.data() + text.size(), major);
        if (major > 0 && major < kOldestDriver)
            return fmt::format("driver too old: {} < {}", major, kOldestDriver);
    }
    if (state.module)
        return {};
    return state.moduleError.empty() ? "built without CUDA" : "CUDA module cannot be loaded: " + state.moduleError;
}

const CudaState& cudaState()
{
    static const CudaState state = look();
    return state;
}

std::vector<DeviceInfo> cudaDevices()
{
    std::string reason = cudaReason(cudaState());
    if (reason.empty()) // the module is there, but no model is translated for it yet
        reason = "this version runs models on the CPU";
    std::vector<DeviceInfo> devices;
    if (void* library = driverLibrary()) {
        const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
        const auto count = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDeviceGetCount"));
        const auto name = reinterpret_cast<int (*)(char*, int, int)>(dlsym(library, "cuDeviceGetName"));
        const auto memory = reinterpret_cast<int (*)(std::size_t*, int)>(dlsym(library, "cuDeviceTotalMem_v2"));
        int found = 0;
        if (init && count && name && memory && init(0) == 0 && count(&found) == 0) {
            for (int i = 0; i < found; ++i) { // the driver numbers its devices from 0
                char title[128] = "";
                std::size_t bytes = 0;
                if (name(title, sizeof title, i) == 0 && memory(&bytes, i) == 0)
                    devices.push_back({fmt::format("cuda:{}", i), title, std::int64_t(bytes), false, reason});
            }
        }
    }
    if (devices.empty())
        devices.push_back(
            {"cuda:0", "CUDA", 0, false, cudaReason(cudaState()).empty() ? "no CUDA device found" : reason});
    return devices;
}

} // namespace ls
