#pragma once

#include "kernels/cuda/sampling.h"
#include "tests/kernels/device/memory.h"
#include "tests/kernels/kernel_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>

/// Sampling against its definition in kernels/cuda/sampling.h, by sorting, and against exact probabilities.
namespace ls::test {

/// What is kept of a row, in order, with weights.
struct KeptTokens {
    std::vector<std::pair<std::int32_t, std::uint64_t>> tokens; // ascending ids
    std::uint64_t mass = 0;
};

inline KeptTokens keptTokens(const std::vector<float>& logits, float temperature, int topK, float topP)
{
    std::vector<std::int32_t> order;
    for (std::size_t i = 0; i < logits.size(); ++i)
        order.push_back(std::int32_t(i));
    const auto at = [&](std::int32_t id) { return logits[std::size_t(id)]; };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return std::isnan(at(a)) ? false : std::isnan(at(b)) ? true : at(a) > at(b);
    });
    const float largest = at(order[0]), factor = 1.44269504f / temperature;
    const auto weight = [&](std::int32_t id) -> std::uint64_t {
        if (std::isnan(at(id)))
            return 0;
        if (at(id) == largest)
            return std::uint64_t(1) << 40;
        return std::uint64_t(std::exp2((at(id) - largest) * factor) * 1099511627776.0f + 0.5f);
    };
    if (topK > 0 && std::size_t(topK) < order.size())
        order.resize(std::size_t(topK));
    KeptTokens kept;
    for (const std::int32_t id : order)
        kept.mass += weight(id);
    if (topP < 1) {
        const auto target =
            std::clamp<std::uint64_t>(std::uint64_t(std::ceil(double(topP) * double(kept.mass))), 1, kept.mass);
        std::size_t count = 0;
        std::uint64_t sum = 0;
        while (sum < target)
            sum += weight(order[count++]);
        order.resize(count);
        kept.mass = sum;
    }
    std::sort(order.begin(), order.end());
    for (const std::int32_t id : order)
        kept.tokens.emplace_back(id, weight(id));
    return kept;
}

struct SampleCase {
    std::string name;
    std::vector<float> logits;
    float temperature = 0;
    int topK = 0;
    float topP = 1;
};

inline std::vector<SampleCase> sampleCases()
{
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    const auto wide = normalValues(5000, 9);
    auto ties = normalValues(3000, 5);
    for (float& value : ties)
        value = std::round(value * 2) / 2; // many equal ones
    auto peaked = normalValues(1500, 6);
    for (float& value : peaked)
        value *= 8;
    return {{"greedy", wide},
            {"greedy, one token", {-3.0f}},
            {"greedy, ties: the smaller id", {1.0f, 5.0f, 5.0f, 2.0f}},
            {"greedy, minus zero equals zero", {-0.0f, 0.0f, -1.0f}},
            {"greedy, NaN is never taken", {nan, -5.0f, nan, -4.0f}},
            {"greedy, only NaN", {nan, nan}},
            {"greedy, infinities", {-inf, 3.0f, inf, inf}},
            {"temperature 1", wide, 1.0f},
            {"temperature 0.1", peaked, 0.1f},
            {"temperature 100", wide, 100.0f},
            {"one token", {2.0f}, 1.0f, 5, 0.5f},
            {"top-k 1", ties, 1.0f, 1},
            {"top-k 40", wide, 0.8f, 40},
            {"top-k between ties", ties, 1.0f, 700},
            {"top-k larger than all", wide, 1.0f, 9999},
            {"top-p 0.9", wide, 1.0f, 0, 0.9f},
            {"top-p between ties", ties, 1.0f, 0, 0.6f},
            {"top-p tiny: the first alone", wide, 1.0f, 0, 1e-6f},
            {"top-k 50, top-p 0.5", peaked, 1.0f, 50, 0.5f},
            {"top-k between ties, top-p takes them all", ties, 1.0f, 700, 0.999999f},
            {"NaN and infinities", {nan, 1.0f, -inf, 1.5f, nan, 0.5f}, 1.0f, 3, 0.95f},
            {"an infinite logit", {1.0f, inf, 2.0f, inf}, 1.0f},
            {"all minus infinity", {-inf, -inf, -inf}, 1.0f},
            {"only NaN", {nan, nan}, 1.0f, 1, 0.5f}};
}

inline std::string runSampleCase(const SampleCase& c)
{
    constexpr int kRows = 2;
    const auto count = std::int64_t(c.logits.size()), stride = count + 3;
    std::vector<float> all(std::size_t(kRows * stride), 1e30f); // between the rows: would win
    for (int r = 0; r < kRows; ++r)
        std::copy(c.logits.begin(), c.logits.end(), all.begin() + r * stride);
    const DeviceArray<float> logits(all);
    const DeviceArray<std::int32_t> tokens(std::size_t(kRows), -7);
    for (const std::int64_t step : {std::int64_t(0), std::int64_t(5), std::int64_t(1) << 33}) {
        const DeviceArray<std::int64_t> deviceStep(1, step);
        cuda::Sampling job{logits.data(), kRows, count, stride, c.temperature, c.topK, c.topP, 42, 3};
        job.step = deviceStep.data();
        job.tokens = tokens.data();
        if (const auto failure = failureOf(cuda::sampleTokens(job, nullptr)); !failure.empty())
            return failure;
        const auto got = tokens.read();
        if (!tokens.guardsHold())
            return "wrote outside";
        const KeptTokens kept = keptTokens(c.logits, c.temperature > 0 ? c.temperature : 1.0f,
                                           c.temperature > 0 ? c.topK : 1, c.temperature > 0 ? c.topP : 1.0f);
        for (int r = 0; r < kRows; ++r) {
            std::int32_t expected = kept.mass > 0 ? -1 : 0;
            __extension__ using Wide = unsigned __int128;
            const auto random = cuda::philox(42, std::uint64_t(step), 3 + std::uint32_t(r));
            const auto target = std::uint64_t((Wide(random) * kept.mass) >> 64);
            std::uint64_t sum = 0;
            double margin = 1;
            for (const auto& [id, weight] : kept.tokens) {
                // how close the draw is to a boundary: exp2f of a GPU may round otherwise
                margin = std::min(margin, std::abs(double(target) - double(sum)) /
                                              double(std::max<std::uint64_t>(kept.mass, 1)));
                sum += weight;
                if (expected < 0 && sum > target)
                    expected = id;
            }
            if (got[std::size_t(r)] != expected && (c.temperature == 0 || margin > 1e-6))
                return "step " + std::to_string(step) + ": token " + std::to_string(got[std::size_t(r)]) +
                       ", expected " + std::to_string(expected);
        }
    }
    return {};
}

/// Many draws against exact probabilities: chi-square, a bound that a right sampler passes with probability 1 - 1e-6
/// (and these seeds do).
inline std::string runDistributionCase(float temperature, int topK, float topP, int draws)
{
    const std::vector<float> logits{0.5f, 2.0f, -1.0f, 2.0f, 1.0f, -30.0f, 1.5f, 0.0f};
    const auto count = std::int64_t(logits.size());
    std::vector<float> all;
    for (int r = 0; r < draws; ++r)
        all.insert(all.end(), logits.begin(), logits.end());
    const DeviceArray<float> deviceLogits(all);
    const DeviceArray<std::int32_t> tokens(std::size_t(draws), -7);
    const DeviceArray<std::int64_t> step(1, 17);
    cuda::Sampling job{deviceLogits.data(), draws, count, count, temperature, topK, topP, 2026, 0};
    job.step = step.data();
    job.tokens = tokens.data();
    if (const auto failure = failureOf(cuda::sampleTokens(job, nullptr)); !failure.empty())
        return failure;

    // exact, from the textbook: softmax, the k most probable, the shortest beginning that reaches topP, renormalised
    std::vector<std::int32_t> order{1, 3, 6, 4, 0, 7, 2, 5};
    if (topK > 0)
        order.resize(std::size_t(topK));
    const auto mass = [&](std::int32_t id) { return std::exp(double(logits[std::size_t(id)]) / temperature); };
    double total = 0, sum = 0;
    for (const std::int32_t id : order)
        total += mass(id);
    std::size_t keep = 0;
    while (keep < order.size() && sum < topP * total)
        sum += mass(order[keep++]);
    order.resize(keep);
    std::vector<int> found(logits.size(), 0);
    for (const std::int32_t id : tokens.read()) {
        if (std::find(order.begin(), order.end(), id) == order.end())
            return "drew token " + std::to_string(id) + ", which is not kept";
        ++found[std::size_t(id)];
    }
    double chi = 0;
    int cells = 0;
    for (const std::int32_t id : order) {
        const double expected = draws * mass(id) / sum;
        if (expected < 1)
            continue; // too rare to say
        chi += std::pow(found[std::size_t(id)] - expected, 2) / expected;
        ++cells;
    }
    const double limit = cells - 1 + 5 * std::sqrt(2.0 * (cells - 1)) + 11; // generous beyond the 1e-6 quantile
    return chi <= limit ? std::string()
                        : "chi-square " + std::to_string(chi) + " with " + std::to_string(cells) + " cells";
}

} // namespace ls::test
