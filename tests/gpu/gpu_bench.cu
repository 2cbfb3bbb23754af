#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/matvec.h"
#include "kernels/cuda/prefill_attention.h"
#include "kernels/cuda/sampling.h"
#include "tests/kernels/device/memory.h"
#include "tests/kernels/kernel_inputs.h"

#include <algorithm>
#include <cstdio>
#include <functional>

using namespace ls::test;
namespace cuda = ls::cuda;

/// Times of the kernels on the first CUDA device: median of 50 after 10 to warm up, CUDA events, the second-level cache
/// overwritten before each. Prints CSV: what, shape, microseconds, bytes that must be read, GB/s, share of the
/// bandwidth that a plain read reached in the same run. bench_torch.py prints the same rows for torch.
namespace {

class Bench {
public:
    Bench()
        : m_flush(std::size_t(256) << 20, 0)
    {
        cudaEventCreate(&m_start);
        cudaEventCreate(&m_stop);
    }
    /// Median in microseconds.
    double time(const std::function<void()>& launch)
    {
        std::vector<float> times;
        for (int i = 0; i < 60; ++i) {
            cudaMemsetAsync(m_flush.data(), i, std::size_t(256) << 20);
            cudaEventRecord(m_start);
            launch();
            cudaEventRecord(m_stop);
            cudaEventSynchronize(m_stop);
            float milliseconds = 0;
            cudaEventElapsedTime(&milliseconds, m_start, m_stop);
            if (i >= 10)
                times.push_back(milliseconds);
        }
        std::nth_element(times.begin(), times.begin() + 25, times.end());
        return 1000.0 * times[25];
    }
    void print(const char* what, const std::string& shape, double microseconds, double bytes) const
    {
        const double rate = bytes / microseconds / 1000;
        std::printf("%s,%s,%.2f,%.0f,%.1f,%.3f\n", what, shape.c_str(), microseconds, bytes, rate,
                    m_bandwidth > 0 ? rate / m_bandwidth : 0.0);
    }
    double m_bandwidth = 0; ///< GB/s of a plain read

private:
    DeviceArray<std::uint8_t> m_flush;
    cudaEvent_t m_start = nullptr, m_stop = nullptr;
};

__global__ void readAll(const float4* x, std::int64_t count, float* out)
{
    float sum = 0;
    for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += std::int64_t(gridDim.x) * blockDim.x) {
        const float4 v = x[i];
        sum += v.x + v.y + v.z + v.w;
    }
    if (sum == 12345.678f) // never: the reads must not be left out
        *out = sum;
}

bool fine(cuda::Launch result)
{
    if (result != cuda::Launch::Ok)
        std::fprintf(stderr, "refused: %s: %s\n", cuda::launchName(result), cuda::launchError().c_str());
    return result == cuda::Launch::Ok;
}

void matvecs(Bench& bench)
{
    struct Shape {
        std::int64_t rows, cols;
    };
    for (const Shape s : {Shape{4096, 4096}, Shape{14336, 4096}, Shape{4096, 14336}, Shape{128256, 4096}}) {
        const DeviceArray<float> x(normalValues(std::size_t(8 * s.cols), 1)), out(std::size_t(8 * s.rows), 0.0f);
        for (int f = 0; f < kWeightFormats; ++f) {
            const auto format = WeightFormat(f);
            const std::size_t bytes = std::size_t(s.rows * rowBytes(format, s.cols));
            const DeviceArray<std::uint8_t> rows(bytes, 0x11);
            for (const int tokens : {1, 8}) {
                const cuda::MatvecInput in{x.data(), tokens, s.cols, s.cols};
                const cuda::MatvecMatrix m{format, rows.data(), s.rows, out.data(), s.rows};
                if (!fine(cuda::multiply(in, &m, 1, nullptr)))
                    return;
                const double t = bench.time([&] { cuda::multiply(in, &m, 1, nullptr); });
                bench.print(("matvec " + std::string(weightFormatName(format))).c_str(),
                            std::to_string(s.rows) + "x" + std::to_string(s.cols) + "x" + std::to_string(tokens), t,
                            double(bytes));
            }
        }
    }
}

void attention(Bench& bench)
{
    for (const std::int64_t n : {1024, 8192, 32768, 131072}) {
        const cuda::HeadLayout shape{32, 8, 128, 0.088f, 0.0f};
        const std::size_t values = std::size_t(8 * n * 128);
        const DeviceArray<std::uint16_t> keys(values, 0x3C00), cached(values, 0x3C00);
        const DeviceArray<float> q(std::size_t(32 * 128), 0.01f), out(std::size_t(32 * 128), 0.0f);
        const DeviceArray<float> partials(std::size_t(cuda::decodeScratch(shape, n, 1)), 0.0f);
        const DeviceArray<std::int32_t> entries(1, std::int32_t(n));
        cuda::DecodeAttention job;
        job.shape = shape;
        job.q = q.data();
        job.cache = {CacheType::BF16, keys.data(), cached.data(), n * 128, n};
        job.visible.entries = entries.data();
        job.visible.maxKeys = n;
        job.partials = partials.data();
        job.out = out.data();
        if (!fine(cuda::decodeAttention(job, nullptr)))
            return;
        bench.print("decode attention", std::to_string(n), bench.time([&] { cuda::decodeAttention(job, nullptr); }),
                    4.0 * double(values));
        const std::int64_t kept = n / 10; // a list of every tenth key, as top-k methods make them
        std::vector<std::int32_t> list;
        for (int h = 0; h < 8; ++h)
            for (std::int64_t i = 0; i < kept; ++i)
                list.push_back(std::int32_t(10 * i + h));
        const DeviceArray<std::int32_t> lists(list), sizes(8, std::int32_t(kept));
        job.visible.lists = lists.data();
        job.visible.listStride = job.visible.maxKeys = kept;
        job.visible.listSizes = sizes.data();
        if (!fine(cuda::decodeAttention(job, nullptr)))
            return;
        bench.print("decode attention over a tenth", std::to_string(n),
                    bench.time([&] { cuda::decodeAttention(job, nullptr); }), 4.0 * double(kept) * 8 * 128);
        if (n > 8192)
            continue;
        const DeviceArray<float> many(std::size_t(n * 32 * 128), 0.01f), manyOut(std::size_t(n * 32 * 128), 0.0f);
        cuda::PrefillAttention prefill;
        prefill.shape = shape;
        prefill.q = many.data();
        prefill.qStride = prefill.outStride = 32 * 128;
        prefill.queries = int(n);
        prefill.cache = job.cache;
        prefill.out = manyOut.data();
        if (!fine(cuda::prefillAttention(prefill, nullptr)))
            return;
        bench.print("prefill attention", std::to_string(n),
                    bench.time([&] { cuda::prefillAttention(prefill, nullptr); }), 4.0 * double(values));
    }
}

void sampling(Bench& bench)
{
    for (const std::int64_t vocabulary : {49152, 151936}) {
        const DeviceArray<float> logits(normalValues(std::size_t(vocabulary), 3));
        const DeviceArray<std::int32_t> token(1, 0);
        for (const float temperature : {0.0f, 0.8f}) {
            cuda::Sampling job{logits.data(), 1, vocabulary, vocabulary, temperature, 50, 0.9f};
            job.tokens = token.data();
            if (!fine(cuda::sampleTokens(job, nullptr)))
                return;
            bench.print(temperature == 0 ? "greedy" : "top-k 50 top-p 0.9", std::to_string(vocabulary),
                        bench.time([&] { cuda::sampleTokens(job, nullptr); }), 4.0 * double(vocabulary));
        }
    }
}

} // namespace

int main()
{
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("SKIP  no CUDA device\n");
        return 77;
    }
    cudaDeviceProp device{};
    cudaGetDeviceProperties(&device, 0);
    std::printf("# %s, sm_%d%d, %d processors\n", device.name, device.major, device.minor, device.multiProcessorCount);
    std::printf("what,shape,microseconds,bytes,GB/s,share of a plain read\n");
    Bench bench;
    const std::int64_t floats = std::int64_t(256) << 20;
    {
        const DeviceArray<std::uint8_t> memory(std::size_t(4 * floats), 0);
        const DeviceArray<float> sink(1, 0.0f);
        const double t = bench.time([&] {
            readAll<<<4 * device.multiProcessorCount, 512>>>(reinterpret_cast<const float4*>(memory.data()), floats / 4,
                                                             sink.data());
        });
        bench.m_bandwidth = 4.0 * double(floats) / t / 1000;
        bench.print("plain read", "1 GiB", t, 4.0 * double(floats));
    }
    matvecs(bench);
    attention(bench);
    sampling(bench);
    return 0;
}
