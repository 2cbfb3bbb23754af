#include "tests/bench/synthetic_model.h"

#include "kernels/cpu/variant.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>

/// Kernels against what the machine can do: decode products as a fraction of the bandwidth of a plain read of the same
/// number of bytes, prefill products as a fraction of the multiplications that registers alone allow. Both limits are
/// measured in the same run. BENCH_THREADS sets the threads (default 2).
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
                for (std::int64_t i = begin; i < end; i += 256)
                    for (int k = 0; k < 32; ++k) {
                        std::uint64_t word;
                        std::memcpy(&word, memory.data() + i + 8 * k, 8);
                        sums[k] += word;
                    }
                benchmark::DoNotOptimize(std::accumulate(sums, sums + 32, std::uint64_t(0)));
            });
            shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
        }
        return double(bytes) / shortest / 1e9;
    }();
    return best;
}

/// Multiplications and additions per second of the format's own product on one panel and one tile that stay in the
/// first cache, all threads at once: what the product could do if memory and the rest cost nothing. GFLOP/s.
double cachedRate(WeightFormat format)
{
    const std::int64_t cols = 256;
    const PackedWeights weights(pool(), format, 48, cols, 1);
    std::vector<float> x(std::size_t(16 * cols), 0.5f);
    Activations input;
    input.set(pool(), {&format, 1}, x.data(), 16, cols, cols);
    constexpr int kCalls = 2000;
    double shortest = 1e9;
    for (int round = 0; round < 10; ++round) {
        const auto start = Clock::now();
        pool().forRange(pool().threads(), 1, [&](std::int64_t, std::int64_t, int) {
            float out[16 * 48];
            ProductJob job;
            job.panels = weights.matrix.data;
            job.panelStride = panelBytes(format, cols);
            job.cols = cols;
            job.panelCount = 3;
            job.rows = 48;
            job.x = input.tile(0);
            job.tokens = 16;
            job.out = out;
            job.outStride = 48;
            for (int i = 0; i < kCalls; ++i)
                kernelTable().product[int(format)][input.widthIndex()](job);
            benchmark::DoNotOptimize(out);
        });
        shortest = std::min(shortest, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return 2.0 * 48 * double(cols) * 16 * kCalls * pool().threads() / shortest / 1e9;
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
    state.counters["of_cached"] = rate / cachedRate(format);
}

/// SmolLM2's shape, 4,096 entries.
void decodeAttention(benchmark::State& state, CacheType type)
{
    const HeadShape shape{9, 3, 64, 0.125f, 0.0f};
    constexpr std::int64_t kEntries = 32768;
    const std::int64_t bytes = shape.kvHeads * kEntries * shape.width * cacheValueBytes(type);
    const HugeMemory keys(bytes), values(bytes);
    std::fill_n(keys.data(), bytes, std::uint8_t(0));
    std::fill_n(values.data(), bytes, std::uint8_t(0));
    std::vector<float> q(std::size_t(shape.heads * shape.width), 0.5f), out(q.size());
    Attention attention;
    attention.reserve(pool(), shape, kEntries, 1);
    const CacheView cache{type, keys.data(), values.data(), kEntries * shape.width, kEntries};
    double shortest = 1e9;
    for (auto _ : state) {
        const auto start = Clock::now();
        attention.decode(pool(), shape, q.data(), cache, {}, out.data());
        const double time = std::chrono::duration<double>(Clock::now() - start).count();
        state.SetIterationTime(time);
        shortest = std::min(shortest, time);
    }
    const double rate = 2.0 * double(bytes) / shortest / 1e9;
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
