#include "tests/bench/synthetic_model.h"

#include "kernels/cpu/variant.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>

/// Kernels against what the machine can do: decode products as a fraction of the bandwidth of a plain read of the same
/// number of bytes, prefill products as a fraction of the multiplications that the instruction alone allows. Both
/// limits are measured in the same run. BENCH_THREADS sets the threads (default 2).
namespace {

using namespace ls::bench;
using Clock = std::chrono::steady_clock;

WorkerPool& pool()
{
    static WorkerPool threads(std::getenv("BENCH_THREADS") ? std::atoi(std::getenv("BENCH_THREADS")) : 2);
    return threads;
}

constexpr std::int64_t kRows = 49152, kCols = 2048; // 57 MB as Q4_0: more than a cache

/// The read that a matrix product of float32 does, without the product: GB/s.
double readBandwidth()
{
    static const double best = [] {
        const std::int64_t bytes = std::int64_t(256) << 20;
        const HugeMemory memory(bytes);
        std::fill_n(memory.data(), bytes, std::uint8_t(1));
        double shortest = 1e9;
        for (int round = 0; round < 20; ++round) {
            const auto start = Clock::now();
            pool().forRange(bytes, 1 << 20, [&](std::int64_t begin, std::int64_t end, int) {
                std::uint64_t sums[32] = {};
                for (std::int64_t i = begin; i < end; i += 256) {
                    for (int line = 0; line < 256; line += 64)
                        __builtin_prefetch(memory.data() + i + 2048 + line); // without it 10 to 20 % less
                    for (int k = 0; k < 32; ++k) {
                        std::uint64_t word;
                        std::memcpy(&word, memory.data() + i + 8 * k, 8);
                        sums[k] += word;
                    }
                }
                benchmark::DoNotOptimize(std::accumulate(sums, sums + 32, std::uint64_t(0)));
            });
            shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
        }
        return double(bytes) / shortest / 1e9;
    }();
    return best;
}

#if defined(__x86_64__)
// Sixteen independent instructions: as many as the processor can finish, since none waits for another.
#define LS_EACH_REGISTER(op)                                                                                           \
    op "0\n" op "1\n" op "2\n" op "3\n" op "4\n" op "5\n" op "6\n" op "7\n" op "8\n" op "9\n" op "10\n" op "11\n" op   \
       "12\n" op "13\n" op "14\n" op "15\n"
#define LS_CLOBBERED                                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"
constexpr int kPeakRounds = 20000;
void repeatFma()
{
    for (int i = 0; i < kPeakRounds; ++i)
        asm volatile(LS_EACH_REGISTER("vfmadd231ps %%zmm31, %%zmm30, %%zmm")::: LS_CLOBBERED);
}
void repeatBfloatDot()
{
    for (int i = 0; i < kPeakRounds; ++i)
        asm volatile(LS_EACH_REGISTER("vdpbf16ps %%zmm31, %%zmm30, %%zmm")::: LS_CLOBBERED);
}
void repeatByteDot()
{
    for (int i = 0; i < kPeakRounds; ++i)
        asm volatile(LS_EACH_REGISTER("vpdpbusd %%zmm31, %%zmm30, %%zmm")::: LS_CLOBBERED);
}
#endif

/// Multiplications and additions that the format's instruction could do per second if it had nothing else to do, all
/// threads at once; 15-bit inputs take two products of bytes. 0 where the variant in use has no such instruction.
double peakRate(WeightFormat format)
{
#if defined(__x86_64__)
    const Variant variant = variantInUse();
    if (variant < Variant::Avx512)
        return 0;
    const bool floats = format == WeightFormat::F32 || format == WeightFormat::F16;
    const bool bfloats = format == WeightFormat::BF16 && variant == Variant::Avx512Bf16;
    const auto repeat = bfloats ? repeatBfloatDot : floats || format == WeightFormat::BF16 ? repeatFma : repeatByteDot;
    const double perInstruction = repeat == repeatFma ? 32 : 64;
    double shortest = 1e9;
    for (int round = 0; round < 20; ++round) {
        const auto start = Clock::now();
        pool().forRange(pool().threads(), 1, [&](std::int64_t, std::int64_t, int) { repeat(); });
        shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return perInstruction * 16 * kPeakRounds * pool().threads() / shortest / 1e9;
#else
    (void)format;
    return 0;
#endif
}

void decodeProduct(benchmark::State& state, WeightFormat format)
{
    const PackedWeights weights(pool(), format, kRows, kCols, 1);
    std::vector<float> x(kCols, 0.5f), y(kRows);
    Activations input;
    input.set(pool(), {&format, 1}, x.data(), 1, kCols, kCols);
    const Product product{&weights.matrix, y.data(), kRows};
    double shortest = 1e9;
    for (auto _ : state) {
        const auto start = Clock::now();
        multiply(pool(), input, {&product, 1});
        const double time = std::chrono::duration<double>(Clock::now() - start).count();
        state.SetIterationTime(time);
        shortest = std::min(shortest, time);
    }
    const double rate = double(kRows * rowBytes(format, kCols)) / shortest / 1e9;
    state.counters["GB/s"] = rate;
    state.counters["of_read"] = rate / readBandwidth();
}

void prefillProduct(benchmark::State& state, WeightFormat format)
{
    constexpr std::int64_t kOut = 1536, kIn = 1536;
    constexpr int kTokens = 512;
    const PackedWeights weights(pool(), format, kOut, kIn, 1);
    std::vector<float> x(kTokens * kIn, 0.5f), y(kTokens * kOut);
    Activations input;
    const Product product{&weights.matrix, y.data(), kOut};
    double shortest = 1e9;
    for (auto _ : state) {
        const auto start = Clock::now();
        input.set(pool(), {&format, 1}, x.data(), kTokens, kIn, kIn);
        multiply(pool(), input, {&product, 1});
        const double time = std::chrono::duration<double>(Clock::now() - start).count();
        state.SetIterationTime(time);
        shortest = std::min(shortest, time);
    }
    const double rate = 2.0 * kTokens * kOut * kIn / shortest / 1e9;
    state.counters["GFLOP/s"] = rate;
    if (const double peak = peakRate(format); peak > 0)
        state.counters["of_peak"] = rate / peak;
}

/// SmolLM2's heads, 32,768 entries.
/// The caches of all layers of a model in turn, as a decode step reads them: more than a cache of the processor holds.
void decodeAttention(benchmark::State& state, CacheType type)
{
    const HeadShape shape{9, 3, 64, 0.125f, 0.0f};
    constexpr std::int64_t kLayers = 16, kEntries = 8192;
    const std::int64_t bytes = shape.kvHeads * kEntries * shape.width * cacheValueBytes(type);
    const HugeMemory keys(kLayers * bytes), values(kLayers * bytes);
    std::fill_n(keys.data(), kLayers * bytes, std::uint8_t(0));
    std::fill_n(values.data(), kLayers * bytes, std::uint8_t(0));
    std::vector<float> q(std::size_t(shape.heads * shape.width), 0.5f), out(q.size());
    Attention attention;
    attention.reserve(pool(), shape, kEntries, 1);
    double shortest = 1e9;
    for (auto _ : state) {
        const auto start = Clock::now();
        for (std::int64_t layer = 0; layer < kLayers; ++layer) {
            const CacheView cache{type, keys.data() + layer * bytes, values.data() + layer * bytes,
                                  kEntries * shape.width, kEntries};
            attention.decode(pool(), shape, q.data(), cache, {}, out.data());
        }
        const double time = std::chrono::duration<double>(Clock::now() - start).count();
        state.SetIterationTime(time);
        shortest = std::min(shortest, time);
    }
    const double rate = 2.0 * double(kLayers * bytes) / shortest / 1e9;
    state.counters["GB/s"] = rate;
    state.counters["of_read"] = rate / readBandwidth();
}

} // namespace

int main(int argc, char** argv)
{
    benchmark::Initialize(&argc, argv);
    benchmark::AddCustomContext("kernels", std::string(variantName(variantInUse())));
    benchmark::AddCustomContext("threads", std::to_string(pool().threads()));
    benchmark::AddCustomContext("read GB/s", std::to_string(readBandwidth()));
    for (int i = 0; i < kWeightFormats; ++i) {
        const auto format = WeightFormat(i);
        const std::string name(weightFormatName(format));
        benchmark::RegisterBenchmark(("decode/" + name).c_str(), decodeProduct, format)->UseManualTime();
        benchmark::RegisterBenchmark(("prefill/" + name).c_str(), prefillProduct, format)->UseManualTime();
    }
    benchmark::RegisterBenchmark("attention/F32", decodeAttention, CacheType::F32)->UseManualTime();
    benchmark::RegisterBenchmark("attention/F16", decodeAttention, CacheType::F16)->UseManualTime();
    benchmark::RegisterBenchmark("attention/BF16", decodeAttention, CacheType::BF16)->UseManualTime();
    benchmark::RunSpecifiedBenchmarks();
}
