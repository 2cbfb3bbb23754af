#include "kernels/cpu/variant.h"
#include "tests/kernels/device/decoder_cases.h"
#include "tests/kernels/device/matvec_cases.h"
#include "tests/kernels/device/sampling_cases.h"
#include "tests/kernels/device/step_cases.h"

#include <cstdio>

using namespace ls::test;

/// All cases of tests/kernels/device on the first CUDA device. Ends with 0 if all hold, 1 if one does not, 77 (skipped)
/// without a device.
namespace {

int g_passed = 0, g_failed = 0;

void report(const char* area, const std::string& name, const std::string& wrong)
{
    ++(wrong.empty() ? g_passed : g_failed);
    if (!wrong.empty())
        std::printf("FAIL  %s, %s: %s\n", area, name.c_str(), wrong.c_str());
}

template <class Case>
void runAll(const char* area, const std::vector<Case>& cases, std::string (*run)(const Case&))
{
    for (const Case& c : cases)
        report(area, c.name, run(c));
}

} // namespace

int main()
{
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0) {
        std::printf("SKIP  no CUDA device: %s\n", error == cudaSuccess ? "none found" : cudaGetErrorString(error));
        return 77;
    }
    cudaDeviceProp device{};
    cudaGetDeviceProperties(&device, 0);
    std::printf("%s, sm_%d%d, %.1f GiB\n", device.name, device.major, device.minor,
                double(device.totalGlobalMem) / (1 << 30));
    ls::kernels::setVariant(ls::kernels::Variant::Plain);
    runAll("matvec", matvecCases(), &runMatvecCase);
    runAll("decode attention", decodeCases(), &runDecodeCase);
    runAll("prefill attention", prefillCases(), &runPrefillCase);
    runAll("rotary", rotaryCases(), &runRotaryCase);
    runAll("steps", stepCases(), &runStepCase);
    for (int f = 0; f < kWeightFormats; ++f)
        report("table rows", std::string(weightFormatName(WeightFormat(f))), runDecodeRows(WeightFormat(f)));
    runAll("sampling", sampleCases(), &runSampleCase);
    report("sampling", "distribution, temperature 1", runDistributionCase(1.0f, 0, 1.0f, 20000));
    report("sampling", "distribution, top-k 5, top-p 0.7", runDistributionCase(1.0f, 5, 0.7f, 20000));
    report("decoder", "gated, mixed formats", runDecoder({}));
    TinyShape other;
    other.postNorms = other.headNorms = other.biases = other.caps = other.tied = true;
    other.windowOfLayer1 = 7;
    report("decoder", "norms everywhere, caps, a window, biases", runDecoder(other));
    report("sequences", "a step", runSequences({}, 5));
    report("sequences", "a prompt", runSequences({}, 30));
    std::printf("%d passed, %d failed\n", g_passed, g_failed);
    return g_failed == 0 ? 0 : 1;
}
