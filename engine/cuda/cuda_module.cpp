#include "engine/cuda/cuda_module.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
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

template <class Function>
bool resolve(void* module, const char* name, Function& function)
{
    function = reinterpret_cast<Function>(dlsym(module, name));
    return function != nullptr;
}

void openModule(const std::filesystem::path& file, CudaState& state)
{
    void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        state.moduleError = dlerror();
        return;
    }
    decltype(&lsCudaAbi) version = nullptr;
    CudaFunctions& f = state.functions;
    state.module = resolve(module, "lsCudaAbi", version) && version() == kLsCudaAbi && // names are as this version has
                   resolve(module, "lsCudaDevices", f.devices) && resolve(module, "lsCudaOpen", f.open) &&
                   resolve(module, "lsCudaClose", f.close) && resolve(module, "lsCudaProblem", f.problem) &&
                   resolve(module, "lsCudaAddPlan", f.addPlan) && resolve(module, "lsCudaRemovePlan", f.removePlan) &&
                   resolve(module, "lsCudaAddSequence", f.addSequence) &&
                   resolve(module, "lsCudaCopySequence", f.copySequence) &&
                   resolve(module, "lsCudaRemoveSequence", f.removeSequence) &&
                   resolve(module, "lsCudaSelect", f.select) && resolve(module, "lsCudaTruncate", f.truncate) &&
                   resolve(module, "lsCudaRun", f.run) && resolve(module, "lsCudaLogits", f.logits);
    if (!state.module)
        state.moduleError = "it belongs to another version of Layerscope";
}

CudaState look()
{
    CudaState state;
    if (const char* named = secure_getenv("LAYERSCOPE_CUDA_MODULE"); named && *named) {
        state.named = true;
        if (std::filesystem::path(named).is_absolute())
            openModule(named, state);
        else // a name alone could mean a file of the working directory
            state.moduleError = "LAYERSCOPE_CUDA_MODULE is no whole path";
        return state;
    }
    state.driver = driverLibrary() != nullptr;
    if (!state.driver)
        return state;
    state.driverVersion = installedDriver();
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
        state.moduleError = "the folder of this program is not known";
        return state;
    }
    const auto file = program.parent_path() / "liblayerscope_cuda.so";
    if (std::filesystem::exists(file, error))
        openModule(file, state);
    return state;
}

/// As the module names them; it opens each for that, which the driver's list does without.
std::vector<DeviceInfo> namedDevices(const CudaState& state)
{
    std::vector<LsCudaDevice> found(16);
    const int count = state.functions.devices(found.data(), int(found.size()));
    std::vector<DeviceInfo> devices;
    for (int i = 0; i < count && i < int(found.size()); ++i)
        devices.push_back({fmt::format("cuda:{}", i), found[std::size_t(i)].name, found[std::size_t(i)].freeBytes});
    return devices;
}

std::vector<DeviceInfo> driverDevices(const std::string& reason)
{
    std::vector<DeviceInfo> devices;
    void* library = driverLibrary();
    if (!library)
        return devices;
    int (*init)(unsigned) = nullptr;
    int (*count)(int*) = nullptr;
    int (*name)(char*, int, int) = nullptr;
    int (*memory)(std::size_t*, int) = nullptr;
    int (*attribute)(int*, int, int) = nullptr;
    constexpr int kMajor = 75, kMinor = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    int found = 0;
    if (!resolve(library, "cuInit", init) || !resolve(library, "cuDeviceGetCount", count) ||
        !resolve(library, "cuDeviceGetName", name) || !resolve(library, "cuDeviceTotalMem_v2", memory) ||
        !resolve(library, "cuDeviceGetAttribute", attribute) || init(0) != 0 || count(&found) != 0)
        return devices;
    for (int i = 0; i < found; ++i) { // the driver numbers its devices from 0
        char title[128] = "";
        std::size_t bytes = 0;
        int major = 0, minor = 0;
        if (name(title, sizeof title, i) != 0 || memory(&bytes, i) != 0 || attribute(&major, kMajor, i) != 0 ||
            attribute(&minor, kMinor, i) != 0)
            continue;
        DeviceInfo device{fmt::format("cuda:{}", i), fmt::format("{} (experimental)", title), // no GPU has run it yet
                          std::int64_t(bytes), reason.empty(), reason};
        if (reason.empty() && major < kOldestCapability) {
            device.available = false;
            device.reason =
                fmt::format("device too old: compute capability {}.{} < {}.0", major, minor, kOldestCapability);
        }
        devices.push_back(std::move(device));
    }
    return devices;
}

} // namespace

std::string cudaReason(const CudaState& state)
{
    if (!state.driver && !state.named)
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
    const CudaState& state = cudaState();
    const std::string reason = cudaReason(state);
    auto devices =
        state.named ? (reason.empty() ? namedDevices(state) : std::vector<DeviceInfo>()) : driverDevices(reason);
    if (devices.empty())
        devices.push_back({"cuda:0", "CUDA", 0, false, reason.empty() ? "no CUDA device found" : reason});
    return devices;
}

Result<int> cudaDeviceNumber(const std::string& id)
{
    std::string reason = "there is no such device";
    for (const DeviceInfo& device : cudaDevices()) {
        if (device.id != id)
            continue;
        int number = -1;
        std::from_chars(id.data() + std::string_view("cuda:").size(), id.data() + id.size(), number);
        if (device.available)
            return number;
        reason = device.reason;
    }
    return Error{Errc::DeviceUnavailable, fmt::format("{} cannot be used: {}.", id, reason), "Choose the CPU.", {}};
}

} // namespace ls
