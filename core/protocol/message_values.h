#pragma once

#include "core/protocol/field.h"
#include "core/spec/method_use.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// Values inside messages.
namespace ls {

struct DeviceInfo {
    std::string id;    ///< "cpu", "cuda:0"
    std::string title; ///< "CPU, 2 threads, AVX-512"
    std::int64_t freeBytes = 0;
    bool available = true;
    std::string reason; ///< why not available, or why this is a fall-back: "no NVIDIA driver found"
    bool operator==(const DeviceInfo&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(DeviceInfo, id, "id"), LS_FIELD(DeviceInfo, title, "title"),
                               LS_FIELD(DeviceInfo, freeBytes, "free_bytes"),
                               LS_FIELD(DeviceInfo, available, "available"), LS_FIELD(DeviceInfo, reason, "reason"));
    }
};

struct SamplerSpec {
    double temperature = 0.0; ///< 0 = greedy
    double topP = 1.0;
    std::uint64_t seed = 0;
    bool operator==(const SamplerSpec&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(SamplerSpec, temperature, "temperature"), LS_FIELD(SamplerSpec, topP, "top_p"),
                               LS_FIELD(SamplerSpec, seed, "seed"));
    }
};

/// The prompt in exactly one of three forms: ids, else chat messages, else text.
struct PromptSpec {
    std::string text;
    nlohmann::ordered_json messages =
        nlohmann::ordered_json::array(); ///< [{"role": "user", "content": "..."}]; rendered by the template
    std::vector<std::int32_t> ids;
    bool operator==(const PromptSpec&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(PromptSpec, text, "text"), LS_FIELD(PromptSpec, messages, "messages"),
                               LS_FIELD(PromptSpec, ids, "ids"));
    }
};

struct LaneSpec {
    std::string name = "A";
    MethodSet methods; ///< of lane A always empty on the desktop; the cli may set it
    bool operator==(const LaneSpec&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(LaneSpec, name, "name"), LS_FIELD(LaneSpec, methods, "methods"));
    }
};

struct TopCandidate {
    std::int32_t id = 0;
    std::string text;
    float logprob = 0; ///< nats
    bool operator==(const TopCandidate&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(TopCandidate, id, "id"), LS_FIELD(TopCandidate, text, "text"),
                               LS_FIELD(TopCandidate, logprob, "logprob"));
    }
};

} // namespace ls
