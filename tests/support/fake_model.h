#pragma once

#include "core/protocol/messages.h"

#include <span>

/// A stand-in for a language model: small, deterministic, and with the shape of the real thing. Its numbers mean
/// nothing; equal input gives equal output in every process and on every machine.
namespace ls::fake {

inline constexpr int kBlocks = 6;
inline constexpr int kWidth = 32;
inline constexpr int kHeads = 4;
inline constexpr int kContext = 2048;

std::uint64_t mix(std::uint64_t a, std::uint64_t b = 0x9e3779b97f4a7c15ull);
double unit(std::uint64_t hash); ///< [0, 1)

ModelInfo modelInfo(const OpenModel& request);
std::vector<std::int32_t> encode(const std::string& text); ///< longest known piece, else bytes
std::string piece(std::int32_t id);                        ///< empty for an unknown id
std::string decode(std::span<const std::int32_t> ids);
bool known(std::int32_t id);

/// Key of a method set: 0 for the dense one. Equal sets have equal keys.
std::uint64_t methodKey(const MethodSet& methods);

/// A span of time in parts of a fixed ratio; a lane with methods spends less in attention. What does not come out even
/// is the rest.
StageTimes stagesOf(std::int64_t ns, std::uint64_t key);

/// Distribution over the candidates for the token after `ids`; sorted by id. `key` moves it away from the dense one.
struct Distribution {
    std::vector<std::int32_t> ids;
    std::vector<double> logprobs; ///< nats, sum of exp = 1
    double entropy() const;
    std::size_t argmax() const;
    std::size_t draw(const SamplerSpec& sampler, int position) const;
    std::vector<TopCandidate> top(int k) const;
    double logprob(std::int32_t id) const; ///< a floor for ids outside the candidates
};
Distribution next(std::span<const std::int32_t> ids, std::uint64_t key);
double klDivergence(const Distribution& a, const Distribution& b); ///< KL(a || b), nats

/// Taps of one position for the probes asked for, as messages.h describes them.
std::vector<Tap> taps(const std::vector<std::string>& probes, std::span<const std::int32_t> ids, int position,
                      std::uint64_t key);
/// stream_distance of a lane with this key: 0 before the first changed block.
TensorBlob streamDistance(int position, std::uint64_t key);
/// Any site a Capture may ask for, [rows, columns] of small numbers; empty shape for an unknown site.
TensorBlob siteValue(const std::string& site, std::span<const std::int32_t> ids, std::uint64_t key);
std::vector<std::string> sites(); ///< canonical names, in forward order

} // namespace ls::fake
