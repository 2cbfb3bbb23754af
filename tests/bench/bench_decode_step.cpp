#include "tests/bench/synthetic_model.h"

#include "kernels/cpu/variant.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

/// tok/s of models of the shape of SmolLM2-135M and Gemma-3-270m with random weights on the kernels alone: decode of
/// 128 tokens from an empty cache and prefill of 512, as llama-bench's tg128 and pp512. The best of the rounds is
/// printed: other programs on the machine only ever take time away. Usage: bench_decode_step [threads] [rounds] [format
/// or gemma-q4_k_m ...]
namespace {

using namespace ls::bench;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from)
{
    return std::chrono::duration<double>(Clock::now() - from).count();
}

void measure(WorkerPool& pool, const char* name, const Shape& shape, const Formats& formats, int rounds)
{
    constexpr int kPrompt = 512, kGenerated = 128;
    SyntheticModel model(pool, shape, formats, CacheType::F16, 1024, kPrompt);
    std::vector<std::int32_t> prompt;
    for (int i = 0; i < kPrompt; ++i)
        prompt.push_back(i * 37 % 49152);
    double bestDecode = 1e9, bestToken = 1e9, bestPrefill = 1e9;
    for (int round = 0; round < rounds; ++round) {
        model.clear();
        std::int32_t id = 1;
        const auto start = Clock::now();
        for (int i = 0; i < kGenerated; ++i) {
            const auto token = Clock::now();
            id = model.run(&id, 1);
            bestToken = std::min(bestToken, seconds(token));
        }
        bestDecode = std::min(bestDecode, seconds(start));
        model.clear();
        const auto prefill = Clock::now();
        model.run(prompt.data(), kPrompt);
        bestPrefill = std::min(bestPrefill, seconds(prefill));
    }
    std::printf("%-12s decode %7.1f tok/s (best token %7.1f, %5.1f GB/s)   prefill %8.1f tok/s\n", name,
                kGenerated / bestDecode, 1 / bestToken, double(model.weightBytes()) / bestToken / 1e9,
                kPrompt / bestPrefill);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv)
{
    const int threads = argc > 1 ? std::atoi(argv[1]) : 2, rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    WorkerPool pool(threads);
    std::printf("%s, %d threads\n", std::string(variantName(variantInUse())).c_str(), threads);
    std::vector<std::string> names(argv + std::min(argc, 3), argv + argc);
    if (names.empty())
        names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "gemma-q4_k_m"}; // 576: no K formats
    for (const std::string& name : names) {
        if (name == "gemma-q4_k_m")
            measure(pool, name.c_str(), Shape::gemma270m(), Formats::gemmaQ4_K_M(), rounds);
        else if (const auto format = weightFormat(name); format && Shape::smolLm2().width % blockValues(*format) == 0)
            measure(pool, name.c_str(), Shape::smolLm2(), Formats::all(*format), rounds);
        else
            std::fprintf(stderr, "%s does not fit this shape\n", name.c_str());
    }
}
