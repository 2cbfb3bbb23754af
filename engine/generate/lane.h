#pragma once

#include "core/protocol/messages.h"
#include "engine/forward/sequence.h"
#include "engine/generate/distribution.h"
#include "engine/generate/probe.h"
#include "engine/generate/tap_store.h"
#include "engine/text/tokenizer.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ls {

using Emit = std::function<void(EngineMessage)>;

/// What all lanes of a generation share.
struct GenerationSettings {
    std::shared_ptr<const Model> model;
    std::shared_ptr<ForwardDevice> device;
    Generate request;
    int promptLength = 0;
    Emit emit;
    std::function<bool()> interrupted; ///< asked between blocks and between lanes
    std::function<std::int64_t()> elapsedUs;
    std::int64_t tokenizeNs = 0; ///< from what the user wrote to ids
};

/// One sequence under one plan: ids, cache, the distribution of the next token, probes.
class Lane {
public:
    Lane(const GenerationSettings& settings, std::string name, std::unique_ptr<Sequence> sequence,
         std::vector<std::int32_t> promptIds, std::vector<LiveProbePtr> probes, bool comparesStreams);
    /// The same lane under another name, with its own cache and probes. Clients copy its tokens so far (Applied).
    Result<std::unique_ptr<Lane>> fork(std::string name) const;

    const std::string& name() const { return m_name; }
    const ForwardPlan& plan() const { return *m_sequence->plan(); }
    std::int64_t cacheBytes() const { return m_sequence->bytes(); }
    bool done() const { return m_done; }
    bool prefilled() const { return m_sequence->length() >= m_settings.promptLength; }
    int length() const { return int(m_ids.size()); }
    std::int32_t lastId() const { return m_ids.back(); }
    std::span<const float> logprobs() const { return floatsOf(m_logprobs); } ///< of the next token

    /// Runs the next `count` prompt positions and sends their tokens.
    Status prefill(int count);
    /// Takes the next token and sends it; ends the lane (without LaneDone) on a stop id, at the length, at the context.
    void takeToken();
    /// Runs the token taken last.
    Status runLast();
    /// Continues under another plan from the next token on: positions from `from` on run again, the distribution of
    /// the next token is that of the new plan. On an error the lane is as before. Result: microseconds it took.
    Result<std::int64_t> change(PlanPtr plan, int from);
    /// Sends Stages, if there is something to tell.
    void sendStages();
    /// Sends LaneDone once.
    void finish(const std::string& reason);
    void finish() { finish(m_reason); } ///< with the reason takeToken() found
    bool ending() const { return !m_reason.empty(); }

    bool diverged = false; ///< from lane A
    /// Streams of the last forward call [L+1, count, d] and its first position; undefined unless asked for.
    at::Tensor streams;
    int streamsFirst = 0;

private:
    Lane(const Lane& other, std::string name, std::unique_ptr<Sequence> sequence);
    Result<at::Tensor> run(Sequence& sequence, int begin, int end, bool allLogits, bool taps = true);
    void readTaps(int begin, int end);
    void setNext(const at::Tensor& logits, const at::Tensor& logprobs);
    void sendToken(std::int32_t id, int position, const char* origin, std::span<const float> logprobs,
                   std::int64_t stepUs, bool last);

    const GenerationSettings& m_settings;
    std::string m_name;
    std::unique_ptr<Sequence> m_sequence;
    std::vector<std::int32_t> m_ids;
    StreamDecoder m_decoder;
    Sampler m_sampler;
    std::vector<LiveProbePtr> m_probes;
    bool m_comparesStreams = false;
    TapStore m_taps;
    at::Tensor m_logits, m_logprobs; // [vocab] float32 of the next token; undefined before the first call
    int m_reported = 0;              // positions whose taps were sent
    int m_generated = 0;
    StageClock m_clock;
    StageTimes m_step;         // since the last token: forward and sampling
    std::int64_t m_readNs = 0; // since the last token: probes
    LaneStages m_stages;       // since the last Stages
    std::int64_t m_ttftUs = 0;
    std::int64_t m_decodeUs = 0;
    int m_decodeSteps = 0;
    bool m_changed = false; // the step under way contains a toggle and says nothing about speed
    bool m_done = false;
    std::string m_reason;
};

} // namespace ls
