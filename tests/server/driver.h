#pragma once

#include "core/process/engine_process.h"
#include "tests/support/test_model.h"

#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// The built engine with the real model, driven as a client does.
namespace ls::test {

/// Everything a request was answered with.
struct Answer {
    std::map<std::string, std::vector<Token>> tokens; ///< by lane
    std::vector<Tap> taps;
    std::vector<Applied> applied;
    std::vector<Unavailable> refused;
    std::vector<Divergence> divergences;
    std::map<std::string, LaneDone> lanes;
    std::map<std::string, std::vector<LaneStages>> stages; ///< by lane, as they came
    std::map<std::string, TensorBlob> tensors;
    std::vector<nlohmann::json> rows;
    std::optional<GenerationStarted> started;
    std::optional<nlohmann::json> result;
    std::optional<Failed> failed;
    int memories = 0;

    std::vector<std::int32_t> ids(const std::string& lane, bool generatedOnly = true) const
    {
        std::vector<std::int32_t> out;
        if (const auto found = tokens.find(lane); found != tokens.end())
            for (const Token& token : found->second)
                if (!generatedOnly || token.origin == "generated")
                    out.push_back(token.id);
        return out;
    }
    const Tap* tap(const std::string& lane, const std::string& output, int position) const
    {
        const Tap* newest = nullptr;
        for (const Tap& tap : taps)
            if (tap.lane == lane && tap.output == output && tap.position == position)
                newest = &tap;
        return newest;
    }
};

inline std::unique_ptr<EngineProcess> startEngine()
{
    EngineOptions options;
    options.program = LAYERSCOPE_BIN_DIR "/layerscope-engine";
    auto engine = EngineProcess::start(options);
    return engine ? std::move(engine).value() : nullptr;
}

/// Hands over every message until the request has its last one. A message that stays out for a minute ends the wait.
inline Answer follow(EngineProcess& engine, std::uint32_t request,
                     const std::function<void(const EngineMessage&)>& onMessage = {})
{
    Answer answer;
    for (;;) {
        auto received = engine.receive(std::chrono::seconds(60));
        if (!received || !received.value())
            return answer;
        const EngineMessage& message = *received.value();
        bool last = false;
        if (const auto* token = std::get_if<Token>(&message))
            answer.tokens[token->lane].push_back(*token);
        else if (const auto* tap = std::get_if<Tap>(&message))
            answer.taps.push_back(*tap);
        else if (const auto* applied = std::get_if<Applied>(&message))
            answer.applied.push_back(*applied);
        else if (const auto* refused = std::get_if<Unavailable>(&message))
            answer.refused.push_back(*refused);
        else if (const auto* divergence = std::get_if<Divergence>(&message))
            answer.divergences.push_back(*divergence);
        else if (const auto* stages = std::get_if<Stages>(&message))
            answer.stages[stages->lane].push_back(stages->since);
        else if (const auto* lane = std::get_if<LaneDone>(&message))
            answer.lanes[lane->lane] = *lane;
        else if (const auto* tensor = std::get_if<Tensor>(&message))
            answer.tensors[tensor->name] = tensor->value;
        else if (const auto* row = std::get_if<ExperimentRow>(&message))
            answer.rows.push_back(row->row);
        else if (const auto* started = std::get_if<GenerationStarted>(&message))
            answer.started = *started;
        else if (std::holds_alternative<Memory>(message))
            ++answer.memories;
        else if (const auto* done = std::get_if<ExperimentDone>(&message); done && done->requestId == request)
            last = (answer.result = done->result, true);
        else if (const auto* over = std::get_if<GenerationDone>(&message); over && over->requestId == request)
            last = true;
        else if (const auto* ready = std::get_if<ModelReady>(&message); ready && ready->requestId == request)
            last = true;
        if (const auto* failed = std::get_if<Failed>(&message); failed && failed->requestId == request)
            last = (answer.failed = *failed, true);
        if (onMessage)
            onMessage(message);
        if (last)
            return answer;
    }
}

template <typename Request>
Answer request(EngineProcess& engine, Request message, const std::function<void(const EngineMessage&)>& onMessage = {})
{
    message.requestId = engine.nextRequestId();
    if (!engine.send(message).ok())
        return {};
    return follow(engine, message.requestId, onMessage);
}

inline std::vector<double> logSoftmax(std::span<const float> logits)
{
    double largest = -1e300, sum = 0;
    for (const float value : logits)
        largest = std::max(largest, double(value));
    for (const float value : logits)
        sum += std::exp(double(value) - largest);
    std::vector<double> out(logits.size());
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = double(logits[i]) - largest - std::log(sum);
    return out;
}

} // namespace ls::test
