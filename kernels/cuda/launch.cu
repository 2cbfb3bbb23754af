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

FormatSize formatSize(kernels::WeightFormat format)
{
    using kernels::WeightFormat;
    switch (format) {
    case WeightFormat::F32:
        return {1, 4, 4};
    case WeightFormat::F16:
    case WeightFormat::BF16:
        return {1, 2, 2};
    case WeightFormat::Q8_0:
        return {32, 34, 2};
    case WeightFormat::Q4_0:
        return {32, 18, 2};
    case WeightFormat::Q4_1:
        return {32, 20, 4};
    case WeightFormat::Q5_0:
        return {32, 22, 2};
    case WeightFormat::Q5_1:
        return {32, 24, 4};
    case WeightFormat::Q4_K:
        return {256, 144, 4};
    case WeightFormat::Q5_K:
        return {256, 176, 4};
    case WeightFormat::Q6_K:
        return {256, 210, 2};
    }
    return {};
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
