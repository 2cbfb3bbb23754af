#pragma once

#include "tests/support/fake_model.h"
#include "tests/support/fake_options.h"
#include "tests/support/fake_wire.h"

#include <functional>

/// Generation of the fake engine: lanes step by step, toggles between two steps.
namespace ls::fake {

/// Why a set is refused: unknown id, locked block; nothing if it is fine.
std::optional<Unavailable> refusal(std::uint32_t requestId, const MethodSet& methods);
/// The policy a toggle gets: as asked, or what "auto" means for these two sets.
std::string policyFor(const MethodSet& before, const MethodSet& after, const std::string& asked);

class Generation {
public:
    Generation(const Options& options, const ModelInfo& model, const Generate& request,
               const std::vector<std::int32_t>& promptIds);
    /// Says everything from GenerationStarted to GenerationDone. `other` gets urgent messages that are not for it.
    void run(Inbox& inbox, const std::function<void(const ClientMessage&)>& other);

private:
    struct Lane {
        std::string name;
        MethodSet methods;
        std::vector<std::int32_t> ids;
        int generated = 0;
        std::int64_t ttftUs = 0, decodeUs = 0;
        bool diverged = false;
        std::string reason;
        LaneStages stages; ///< not yet said
        std::uint64_t key() const { return methodKey(methods); }
    };

    void sayPrompt();
    void step(std::int64_t stepUs);
    void takeToken(Lane& lane, const Lane* baseline, std::int64_t stepUs);
    void sayTaps(const Lane& lane, int position);
    void sayStages(Lane& lane) const;
    void sayMemory() const;
    void applyToggle(const SetMethods& set);
    std::int64_t elapsedUs() const;

    const Options& m_options;
    const ModelInfo& m_model;
    const Generate& m_request;
    const std::vector<std::int32_t>& m_promptIds;
    std::vector<Lane> m_lanes;
    Clock::time_point m_start;
};

} // namespace ls::fake
