#pragma once

#include "core/protocol/messages.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

/// What is known of one generation: filled by the engine's messages while it runs, or from a session file when it is
/// reopened. Views read only this, so a reopened run shows what the live one did.
namespace ls {

struct TokenData {
    std::int32_t id = 0;
    std::string text;
    std::string origin; ///< "prompt" | "generated"
    float logprob = 0;  ///< nats
    float entropy = 0;  ///< nats
    std::vector<TopCandidate> top;
    std::int64_t timeUs = 0;
    std::int64_t stepUs = 0;
    bool operator==(const TokenData&) const = default;
};

struct TapValue {
    TensorBlob value;
    std::vector<std::string> texts;
    bool operator==(const TapValue&) const = default;
};

struct LaneData {
    std::string name;
    MethodSet methods;                                   ///< at the start; changes are in RunData::toggles
    std::vector<TokenData> tokens;                       ///< by position, prompt first
    std::map<std::string, std::map<int, TapValue>> taps; ///< output -> position -> value
    std::string reason; ///< empty while it runs; then LaneDone::reason, or "interrupted" in a file whose writer died
    std::int64_t ttftUs = 0;
    double tokensPerSecond = 0;
    LaneStages stages;             ///< decode and probes: since the lane's last change of methods
    std::optional<int> divergence; ///< first position that differs from lane A
    bool operator==(const LaneData&) const = default;

    const TapValue* tap(const std::string& output, int position) const;
    int promptTokens() const; ///< leading tokens with origin "prompt"
    std::string text(bool generatedOnly = true) const;
    /// What a fork at `position` starts from: the tokens, taps and stage times before it, and no end yet.
    LaneData upTo(int position) const;
};

struct ToggleData { ///< an Applied event
    std::string lane;
    int position = 0;
    std::string policy;
    std::int64_t costUs = 0;
    MethodSet methods;
    std::string forkLane; ///< policy fork: the lane that goes on with the old set
    bool operator==(const ToggleData&) const = default;
};

struct RunSpec { ///< everything needed to do it again
    PromptSpec prompt;
    SamplerSpec sampler;
    int maxTokens = 128;
    bool ignoreEos = false;
    std::vector<LaneSpec> lanes;
    std::vector<std::string> probes;
    bool operator==(const RunSpec&) const = default;
    static constexpr auto fields()
    {
        return std::tuple{std::pair{"prompt", &RunSpec::prompt},        std::pair{"sampler", &RunSpec::sampler},
                          std::pair{"max_tokens", &RunSpec::maxTokens}, std::pair{"ignore_eos", &RunSpec::ignoreEos},
                          std::pair{"lanes", &RunSpec::lanes},          std::pair{"probes", &RunSpec::probes}};
    }
};

struct RunData {
    std::int64_t id = 0; ///< in the session file; 0 = not stored
    RunSpec spec;
    ModelInfo model;
    std::string startedAt; ///< ISO 8601, UTC
    std::string renderedPrompt;
    int templateTokens = 0;
    std::vector<LaneData> lanes;
    std::vector<ToggleData> toggles;
    std::optional<Memory> memory; ///< newest
    bool running = false;
    std::optional<Error> failure;
    bool operator==(const RunData&) const = default;

    LaneData* lane(const std::string& name);
    const LaneData* lane(const std::string& name) const;
    /// The set of a lane after all toggles so far; empty for an unknown lane.
    MethodSet currentMethods(const std::string& name) const;
    /// Applies a message of this run; false for one that says nothing about a run, whose token leaves a gap, or whose
    /// times cannot be.
    /// Failed ends the run: "cancelled" is no failure, its lanes were stopped.
    bool apply(const EngineMessage& message);
};

/// An experiment's stored form: kind, params, rows as they arrived, result.
struct ExperimentData {
    std::int64_t id = 0;
    std::string kind; ///< "perplexity", "accuracy", "bench", ...
    nlohmann::json params = nlohmann::json::object();
    std::vector<nlohmann::json> rows;
    nlohmann::json result; ///< null until done
    std::string state;     ///< running | done | failed | cancelled | interrupted
    std::string startedAt;
    std::optional<Error> failure;
    double done = 0, total = 0;
    std::string stage;
    bool operator==(const ExperimentData&) const = default;
};

} // namespace ls
