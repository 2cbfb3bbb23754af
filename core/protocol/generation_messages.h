#pragma once

#include "core/error.h"
#include "core/protocol/message_values.h"
#include "core/protocol/tensor.h"
#include "core/stage_times.h"

/// What the engine says while it generates (core/protocol/messages.h).
namespace ls {

struct GenerationStarted {
    static constexpr const char* kType = "generation_started";
    std::uint32_t requestId = 0;
    std::vector<std::string> lanes;
    int promptTokens = 0;
    int templateTokens = 0; ///< how many leading prompt tokens come from the template before the user's text
    std::string renderedPrompt;
    bool operator==(const GenerationStarted&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(GenerationStarted, requestId, "request_id"),
                               LS_FIELD(GenerationStarted, lanes, "lanes"),
                               LS_FIELD(GenerationStarted, promptTokens, "prompt_tokens"),
                               LS_FIELD(GenerationStarted, templateTokens, "template_tokens"),
                               LS_FIELD(GenerationStarted, renderedPrompt, "rendered_prompt"));
    }
};

/// A token of a lane, prompt tokens included (their logprob is that of the prefill; of the first one it is 0).
struct Token {
    static constexpr const char* kType = "token";
    std::uint32_t requestId = 0;
    std::string lane;
    int position = 0;
    std::int32_t id = 0;
    std::string text;   ///< UTF-8; a piece that ends inside a character is held back until it is whole
    std::string origin; ///< "prompt" | "generated"
    float logprob = 0;  ///< nats, under the distribution it was drawn from before temperature
    float entropy = 0;  ///< nats, of that distribution
    std::vector<TopCandidate> top;
    std::int64_t timeUs = 0; ///< since the generation started, monotonic
    std::int64_t stepUs = 0; ///< this lane's own step (forward and sampling); prefill: first generated token has TTFT
    bool operator==(const Token&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(
            LS_FIELD(Token, requestId, "request_id"), LS_FIELD(Token, lane, "lane"),
            LS_FIELD(Token, position, "position"), LS_FIELD(Token, id, "id"), LS_FIELD(Token, text, "text"),
            LS_FIELD(Token, origin, "origin"), LS_FIELD(Token, logprob, "logprob"), LS_FIELD(Token, entropy, "entropy"),
            LS_FIELD(Token, top, "top"), LS_FIELD(Token, timeUs, "time_us"), LS_FIELD(Token, stepUs, "step_us"));
    }
};

/// A value read while the token at `position` went through the model. Outputs, L = block count:
/// - resid_norm: f32 [L+1], Euclidean norm of the stream; 0 = embed, l = after block l-1
/// - lens.ids, lens.probs: i32, f32 [L+1, k], logit lens (final norm once, unembedding); text in `texts`
/// - lens.entropy: f32 [L+1], nats
/// - contextualisation.c, contextualisation.gain: f32 [L+1]; NaN before the window and on sink tokens
/// - contextualisation.sink: f32 [1], 1 = sink token (left out of every statistic)
/// - safety.score: f32 [L+1], (x.u - midpoint) / train sd; + = harmful
/// - kl: f32 [1], of lane B..D: KL(A || this lane) of the next-token distribution that produced `position`, nats; only
///   up to the first divergence
/// - stream_distance: f32 [L+1], 1 - cosine of the stream to lane A's at this position; likewise
struct Tap {
    static constexpr const char* kType = "tap";
    std::uint32_t requestId = 0;
    std::string lane;
    int position = 0;
    std::string output;
    TensorBlob value;
    std::vector<std::string> texts; ///< lens.ids: the token texts in the order of the ids
    bool operator==(const Tap&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Tap, requestId, "request_id"), LS_FIELD(Tap, lane, "lane"),
                               LS_FIELD(Tap, position, "position"), LS_FIELD(Tap, output, "output"),
                               LS_FIELD(Tap, value, "value"), LS_FIELD(Tap, texts, "texts"));
    }
};

struct Applied { ///< the set of a lane changed; the token at `position` is the first one made under it
    static constexpr const char* kType = "applied";
    std::uint32_t requestId = 0; ///< of the SetMethods
    std::uint32_t generation = 0;
    std::string lane;
    int position = -1;
    std::string policy;   ///< the one used: keep | recompute | fork
    std::string forkLane; ///< fork: the lane that goes on with the old plan
    std::int64_t costUs = 0;
    MethodSet methods;
    bool operator==(const Applied&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Applied, requestId, "request_id"), LS_FIELD(Applied, generation, "generation"),
                               LS_FIELD(Applied, lane, "lane"), LS_FIELD(Applied, position, "position"),
                               LS_FIELD(Applied, policy, "policy"), LS_FIELD(Applied, forkLane, "fork_lane"),
                               LS_FIELD(Applied, costUs, "cost_us"), LS_FIELD(Applied, methods, "methods"));
    }
};

struct Unavailable { ///< the set was refused, the old one stays; `method` is the index of the offending card
    static constexpr const char* kType = "unavailable";
    std::uint32_t requestId = 0;
    int method = -1;
    std::string code, message, hint, detail;
    bool operator==(const Unavailable&) const = default;
    Error error() const { return {errcFromName(code), message, hint, detail}; }
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Unavailable, requestId, "request_id"), LS_FIELD(Unavailable, method, "method"),
                               LS_FIELD(Unavailable, code, "code"), LS_FIELD(Unavailable, message, "message"),
                               LS_FIELD(Unavailable, hint, "hint"), LS_FIELD(Unavailable, detail, "detail"));
    }
};

/// Where a lane's time went since the last message of this kind: to be added up. At most ten a second, one before the
/// lane's next Applied or LaneDone where something is left to tell.
struct Stages {
    static constexpr const char* kType = "stages";
    std::uint32_t requestId = 0;
    std::string lane;
    LaneStages since;
    bool operator==(const Stages&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Stages, requestId, "request_id"), LS_FIELD(Stages, lane, "lane"),
                               LS_FIELD(Stages, since, "since"));
    }
};

struct Divergence { ///< the first position at which a lane's token differs from lane A's
    static constexpr const char* kType = "divergence";
    std::uint32_t requestId = 0;
    std::string lane;
    int position = 0;
    bool operator==(const Divergence&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Divergence, requestId, "request_id"), LS_FIELD(Divergence, lane, "lane"),
                               LS_FIELD(Divergence, position, "position"));
    }
};

struct Memory { ///< about once a second while something runs, and after loading
    static constexpr const char* kType = "memory";
    std::uint32_t requestId = 0;
    std::int64_t rssBytes = 0;
    std::int64_t weightBytes = 0; ///< shared by all lanes
    std::vector<std::string> lanes;
    std::vector<std::int64_t> laneKvBytes;     ///< in use
    std::vector<std::int64_t> laneWeightBytes; ///< a lane's own copies (weight pruning)
    bool operator==(const Memory&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Memory, requestId, "request_id"), LS_FIELD(Memory, rssBytes, "rss_bytes"),
                               LS_FIELD(Memory, weightBytes, "weight_bytes"), LS_FIELD(Memory, lanes, "lanes"),
                               LS_FIELD(Memory, laneKvBytes, "lane_kv_bytes"),
                               LS_FIELD(Memory, laneWeightBytes, "lane_weight_bytes"));
    }
};

struct LaneDone {
    static constexpr const char* kType = "lane_done";
    std::uint32_t requestId = 0;
    std::string lane;
    std::string reason; ///< eos | length | stopped | context | error
    int generated = 0;
    std::int64_t ttftUs = 0;
    double tokensPerSecond = 0; ///< generated - 1 over own decode steps
    bool operator==(const LaneDone&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(LaneDone, requestId, "request_id"), LS_FIELD(LaneDone, lane, "lane"),
                               LS_FIELD(LaneDone, reason, "reason"), LS_FIELD(LaneDone, generated, "generated"),
                               LS_FIELD(LaneDone, ttftUs, "ttft_us"),
                               LS_FIELD(LaneDone, tokensPerSecond, "tokens_per_second"));
    }
};

struct GenerationDone {
    static constexpr const char* kType = "generation_done";
    std::uint32_t requestId = 0;
    bool operator==(const GenerationDone&) const = default;
    static constexpr auto fields() { return std::make_tuple(LS_FIELD(GenerationDone, requestId, "request_id")); }
};

} // namespace ls
