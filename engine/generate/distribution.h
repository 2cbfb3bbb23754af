#pragma once

#include "core/protocol/messages.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

/// Next-token distributions: what is read off them, and what is drawn from them.
namespace ls {

class Tokenizer;

/// float32 log-softmax along the last axis.
at::Tensor logProbabilities(const at::Tensor& logits);
/// Values of a contiguous float32 tensor.
std::span<const float> floatsOf(const at::Tensor& tensor);

/// Entropy in nats, a float64 sum over float32 log-probabilities.
double entropyOf(std::span<const float> logprobs);
/// KL(a || b) in nats, a float64 sum over float32 log-probabilities.
double klDivergence(std::span<const float> a, std::span<const float> b);
/// The k largest, largest first; ties: smaller id first.
std::vector<std::int32_t> largestIds(std::span<const float> values, int k);
std::vector<TopCandidate> topCandidates(std::span<const float> logprobs, int k, const Tokenizer& tokenizer);

/// Draws tokens. Random numbers are drawn only here, one for each token taken, so that a distribution that is thrown
/// away (a toggle) does not move the sequence.
class Sampler {
public:
    /// Errors: InvalidParameter for temperature < 0 or not finite, topP outside (0, 1].
    static Status check(const SamplerSpec& spec);
    explicit Sampler(const SamplerSpec& spec);
    /// temperature 0: the largest logit (ties: smaller id). Else from softmax(logits / temperature) cut to the smallest
    /// set of most probable tokens whose mass reaches topP.
    std::int32_t take(std::span<const float> logits);

private:
    SamplerSpec m_spec;
    std::mt19937_64 m_random;
};

} // namespace ls
