#include "kernels/cuda/launch_kernel.h"

namespace ls::cuda {

const char* launchName(Launch result)
{
    switch (result) {
    case Launch::Ok:
        return "ok";
    case Launch::BadShape:
        return "sizes that contradict each other";
    case Launch::TooWide:
        return "row too wide for shared memory";
    case Launch::Unaligned:
        return "pointer not aligned";
    case Launch::Unsupported:
        return "no kernel for this format";
    case Launch::Failed:
        return "launch failed";
    }
    return "";
}

#if defined(__CUDACC__)
static thread_local cudaError_t t_error = cudaSuccess;

void rememberError(cudaError_t error)
{
    t_error = error;
}
std::string launchError()
{
    return cudaGetErrorString(t_error);
}
int deviceBlocks()
{
    static const int blocks = [] {
        int device = 0, processors = 0;
        if (cudaGetDevice(&device) != cudaSuccess ||
            cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device) != cudaSuccess)
            processors = 64;
        return 4 * processors;
    }();
    return blocks;
}
#else
std::string launchError()
{
    return emu::lastError();
}
int deviceBlocks()
{
    return 3; // few, so that blocks loop in tests
}
#endif

} // namespace ls::cuda
