#include "kernels/cuda/module/abi.h"

#include <cstdio>
#include <dlfcn.h>
#include <initializer_list>

/// Opens liblayerscope_cuda.so as the engine does and asks for what needs no device: every function of the interface is
/// there, the version is ours, devices can be listed (none without a driver).
int main(int count, char** arguments)
{
    void* library = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!library) {
        std::printf("FAIL  the module cannot be opened: %s\n", count == 2 ? dlerror() : "usage: gpu_module LIBRARY");
        return 1;
    }
    for (const char* name :
         {"lsCudaAbi",     "lsCudaDevices",    "lsCudaOpen",        "lsCudaClose",        "lsCudaProblem",
          "lsCudaAddPlan", "lsCudaRemovePlan", "lsCudaAddSequence", "lsCudaCopySequence", "lsCudaRemoveSequence",
          "lsCudaSelect",  "lsCudaTruncate",   "lsCudaSetSampling", "lsCudaRun",          "lsCudaGenerate",
          "lsCudaDrawn",   "lsCudaLogits",     "lsCudaRestart",     "lsCudaTapBytes",     "lsCudaTapOffset",
          "lsCudaReadTaps"}) {
        if (!dlsym(library, name)) {
            std::printf("FAIL  %s is missing\n", name);
            return 1;
        }
    }
    const auto abi = reinterpret_cast<decltype(&lsCudaAbi)>(dlsym(library, "lsCudaAbi"));
    const auto devices = reinterpret_cast<decltype(&lsCudaDevices)>(dlsym(library, "lsCudaDevices"));
    const auto open = reinterpret_cast<decltype(&lsCudaOpen)>(dlsym(library, "lsCudaOpen"));
    LsCudaDevice found[4] = {};
    const int number = devices(found, 4);
    char problem[200] = "";
    if (number == 0 && (open(0, nullptr, problem, sizeof problem) || !problem[0])) {
        std::printf("FAIL  a device was opened although there is none\n");
        return 1;
    }
    std::printf("version %d, %d devices %s%s\n", abi(), number, number > 0 ? found[0].name : "", problem);
    return abi() == kLsCudaAbi ? 0 : 1;
}
