#pragma once

#include "engine/generate/lane.h"
#include "engine/generate/prompt.h"

namespace ls {

/// A Generate request under way: up to four lanes, interleaved step by step, so that drift hits all of them.
class Generation {
public:
    /// Checks everything and sends GenerationStarted. Errors: those of preparePrompt, of the methods (detail names
    /// lane and index), of the device, InvalidParameter for lanes, probes, sampler or lengths.
    static Result<std::unique_ptr<Generation>> start(std::shared_ptr<const Model> model,
                                                     std::shared_ptr<ForwardDevice> device, const Generate& request,
                                                     Emit emit, std::function<bool()> interrupted);

    std::uint32_t requestId() const { return m_settings.request.requestId; }
    bool done() const;
    /// One piece of the prompt or one token in every lane. An error (Cancelled, NanStream, ...) ends the generation:
    /// call stop().
    Status step();
    /// Answers with Applied or Unavailable, at once or when the prompt has been read. False: no running lane of that
    /// name, nothing was answered.
    bool setMethods(const SetMethods& message);
    /// Ends every lane; the first one under `reason`.
    void stop(const std::string& reason);

private:
    struct Toggle {
        SetMethods message;
        PlanPtr plan;
    };

    Generation() = default;
    Status readPrompt();
    Status makeTokens();
    void applyToggle(const Toggle& toggle);
    void compareStreams(const Lane& lane, int onlyPosition = -1);
    void compareDistributions(const Lane& lane);
    Lane* find(const std::string& name);
    Lane* baseline() { return find("A"); }
    void sendStages();
    void sendMemory(bool always);

    GenerationSettings m_settings;
    std::vector<std::unique_ptr<Lane>> m_lanes;
    std::vector<Toggle> m_waiting; // toggles that came while the prompt was read
    std::int64_t m_memorySentUs = 0, m_stagesSentUs = 0;
};

/// The answer to a SetMethods that concerns nothing that runs: Applied with position -1, or Unavailable.
EngineMessage checkMethods(const std::shared_ptr<const Model>& model, const ForwardDevice& device,
                           const SetMethods& message);

} // namespace ls
