#include "engine/generate/distribution.h"

#include "engine/text/tokenizer.h"

#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ls {

at::Tensor logProbabilities(const at::Tensor& logits)
{
    return at::log_softmax(logits, -1).contiguous();
}

std::span<const float> floatsOf(const at::Tensor& tensor)
{
    return {tensor.data_ptr<float>(), std::size_t(tensor.numel())};
}

double entropyOf(std::span<const float> logprobs)
{
    double sum = 0;
    for (const float logprob : logprobs)
        if (logprob > -100.0f) // below, p log p is nothing, and 0 * -inf would be no number
            sum -= std::exp(double(logprob)) * double(logprob);
    return sum;
}

double klDivergence(std::span<const float> a, std::span<const float> b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] > -100.0f)
            sum += std::exp(double(a[i])) * (double(a[i]) - double(b[i]));
    return sum;
}

std::vector<std::int32_t> largestIds(std::span<const float> values, int k)
{
    std::vector<std::int32_t> best; // k is small: one pass with an insertion is cheaper than sorting a vocabulary
    const auto limit = std::size_t(std::clamp(k, 0, int(values.size())));
    for (std::size_t i = 0; i < values.size() && limit > 0; ++i) {
        if (best.size() == limit && !(values[i] > values[std::size_t(best.back())]))
            continue;
        const auto place = std::find_if(best.begin(), best.end(),
                                        [&](std::int32_t other) { return values[i] > values[std::size_t(other)]; });
        best.insert(place, std::int32_t(i));
        if (best.size() > limit)
            best.pop_back();
    }
    return best;
}

std::vector<TopCandidate> topCandidates(std::span<const float> logprobs, int k, const Tokenizer& tokenizer)
{
    std::vector<TopCandidate> out;
    for (const std::int32_t id : largestIds(logprobs, k))
        out.push_back({id, tokenizer.decode({&id, 1}), logprobs[std::size_t(id)]});
    return out;
}

Status Sampler::check(const SamplerSpec& spec)
{
    if (!(spec.temperature >= 0) || !std::isfinite(spec.temperature))
        return Error{
            Errc::InvalidParameter, "The temperature must be 0 or larger.", "0 takes the most probable token.", {}};
    if (!(spec.topP > 0 && spec.topP <= 1))
        return Error{Errc::InvalidParameter, "Top-p must be larger than 0 and at most 1.", "1 keeps every token.", {}};
    return success();
}

Sampler::Sampler(const SamplerSpec& spec)
    : m_spec(spec)
    , m_random(spec.seed)
{
}

std::int32_t Sampler::take(std::span<const float> logits)
{
    const auto largest = std::max_element(logits.begin(), logits.end()); // the first of equal ones
    if (m_spec.temperature == 0)
        return std::int32_t(largest - logits.begin());
    // 53 bits, as std::generate_canonical would draw them, but the same on every standard library
    const double draw = double(m_random() >> 11) * 0x1p-53;
    std::vector<double> mass(logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i)
        mass[i] = std::exp((double(logits[i]) - double(*largest)) / m_spec.temperature);
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    double total = std::accumulate(mass.begin(), mass.end(), 0.0);
    if (m_spec.topP < 1) { // the nucleus is defined on the warped distribution
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int32_t a, std::int32_t b) { return mass[std::size_t(a)] > mass[std::size_t(b)]; });
        double kept = 0;
        std::size_t count = 0;
        while (count < order.size() && (count == 0 || kept < m_spec.topP * total))
            kept += mass[std::size_t(order[count++])];
        order.resize(count);
        total = kept;
    }
    double left = draw * total;
    for (const std::int32_t id : order) {
        left -= mass[std::size_t(id)];
        if (left < 0)
            return id;
    }
    // rounding: the last token that has any mass
    return *std::find_if(order.rbegin(), order.rend(), [&](std::int32_t id) { return mass[std::size_t(id)] > 0; });
}

} // namespace ls
