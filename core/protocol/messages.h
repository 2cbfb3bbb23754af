#pragma once

#include "core/error.h"
#include "core/model_info.h"
#include "core/protocol/tensor.h"
#include "core/spec/method_use.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

/// Every message between a client (desktop, cli) and the engine, defined once. Encoding, decoding, equality and the
/// log line come from fields(): (key in the CBOR map, member). Unknown keys are ignored, missing ones keep defaults.
///
/// `requestId` is chosen by the client, unique per connection, and stands in every answer to that request.
/// `position` is the absolute place in the sequence: 0 is the first prompt token.
namespace ls {

inline constexpr int kProtocolVersion = 2; ///< must match exactly
inline constexpr std::uint32_t kMaxMessageBytes = 256u << 20;

#define LS_FIELD(Type, member, key)                                                                                    \
    std::pair                                                                                                          \
    {                                                                                                                  \
        key, &Type::member                                                                                             \
    }

// ---- values inside messages -------------------------------------------------------------------------------------

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

// ---- client to engine -------------------------------------------------------------------------------------------

struct Hello { ///< first message; answered by Ready, or by Failed (ProtocolVersion)
    static constexpr const char* kType = "hello";
    int version = kProtocolVersion;
    std::string client; ///< "layerscope 0.1.0"
    bool operator==(const Hello&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Hello, version, "version"), LS_FIELD(Hello, client, "client"));
    }
};

struct OpenModel { ///< answered by Progress*, then ModelReady or Failed; replaces the open model, which stays
                   ///< when the file is found wrong before ModelClosed
    static constexpr const char* kType = "open_model";
    std::uint32_t requestId = 0;
    std::string path;
    std::string device = "cpu";
    std::string dtype = "float32";
    int contextLength = 0; ///< 0 = what the model was trained for
    int threads = 0;       ///< 0 = all cores
    bool operator==(const OpenModel&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(OpenModel, requestId, "request_id"), LS_FIELD(OpenModel, path, "path"),
                               LS_FIELD(OpenModel, device, "device"), LS_FIELD(OpenModel, dtype, "dtype"),
                               LS_FIELD(OpenModel, contextLength, "context_length"),
                               LS_FIELD(OpenModel, threads, "threads"));
    }
};

/// Reads headers only; answered by Inspected{info json} or Failed. Nothing is loaded.
struct InspectModel {
    static constexpr const char* kType = "inspect_model";
    std::uint32_t requestId = 0;
    std::string path;
    bool operator==(const InspectModel&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(InspectModel, requestId, "request_id"), LS_FIELD(InspectModel, path, "path"));
    }
};

struct Generate { ///< answered by GenerationStarted, (Token | Tap | Applied | ...)*, LaneDone per lane, GenerationDone
    static constexpr const char* kType = "generate";
    std::uint32_t requestId = 0;
    PromptSpec prompt;
    SamplerSpec sampler;
    int maxTokens = 128;
    bool ignoreEos = false;
    std::vector<LaneSpec> lanes{LaneSpec{}};
    std::vector<std::string> probes; ///< live probes to run: "layer_norms", "logit_lens", "contextualisation", "safety"
    int topK = 5;                    ///< candidates in each Token
    bool operator==(const Generate&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Generate, requestId, "request_id"), LS_FIELD(Generate, prompt, "prompt"),
                               LS_FIELD(Generate, sampler, "sampler"), LS_FIELD(Generate, maxTokens, "max_tokens"),
                               LS_FIELD(Generate, ignoreEos, "ignore_eos"), LS_FIELD(Generate, lanes, "lanes"),
                               LS_FIELD(Generate, probes, "probes"), LS_FIELD(Generate, topK, "top_k"));
    }
};

/// Replaces the whole ordered set of a lane of the running generation; takes effect at the next token.
/// Answered by Applied or Unavailable. While nothing runs: checked against the model and answered the same way
/// (Applied with position -1), so that a card can show its reason early.
struct SetMethods {
    static constexpr const char* kType = "set_methods";
    std::uint32_t requestId = 0;
    std::string lane = "B";
    MethodSet methods;
    std::string policy = "auto"; ///< auto | keep | recompute | fork
    bool operator==(const SetMethods&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(SetMethods, requestId, "request_id"), LS_FIELD(SetMethods, lane, "lane"),
                               LS_FIELD(SetMethods, methods, "methods"), LS_FIELD(SetMethods, policy, "policy"));
    }
};

struct Cancel { ///< stops request `target` (a generation, an experiment, a load) within 200 ms
    static constexpr const char* kType = "cancel";
    std::uint32_t requestId = 0;
    std::uint32_t target = 0;
    bool operator==(const Cancel&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Cancel, requestId, "request_id"), LS_FIELD(Cancel, target, "target"));
    }
};

struct Pause { ///< holds (or resumes) a generation between two steps
    static constexpr const char* kType = "pause";
    std::uint32_t requestId = 0;
    std::uint32_t target = 0;
    bool paused = true;
    bool operator==(const Pause&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Pause, requestId, "request_id"), LS_FIELD(Pause, target, "target"),
                               LS_FIELD(Pause, paused, "paused"));
    }
};

struct TokenizeText { ///< answered by Tokenized; `path` may name a tokenizer.json or model, empty = the open model
    static constexpr const char* kType = "tokenize";
    std::uint32_t requestId = 0;
    std::vector<std::string> texts;
    bool special = true; ///< special tokens in the text are recognised, post-processor applied
    std::string path;
    bool operator==(const TokenizeText&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(TokenizeText, requestId, "request_id"), LS_FIELD(TokenizeText, texts, "texts"),
                               LS_FIELD(TokenizeText, special, "special"), LS_FIELD(TokenizeText, path, "path"));
    }
};

/// Renders chat contexts ({"messages", "add_generation_prompt", ...}); answered by Rendered.
/// Template: `source` if not empty, else the open model's.
struct RenderChat {
    static constexpr const char* kType = "render_chat";
    std::uint32_t requestId = 0;
    nlohmann::ordered_json contexts = nlohmann::ordered_json::array(); ///< templates may write maps: order matters
    std::string source;
    std::string bosToken, eosToken, now;
    bool operator==(const RenderChat&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(RenderChat, requestId, "request_id"),
                               LS_FIELD(RenderChat, contexts, "contexts"), LS_FIELD(RenderChat, source, "source"),
                               LS_FIELD(RenderChat, bosToken, "bos_token"), LS_FIELD(RenderChat, eosToken, "eos_token"),
                               LS_FIELD(RenderChat, now, "now"));
    }
};

/// Runs a prompt and sends full hook tensors: Tensor* (ids, one per site, generated), then ExperimentDone.
struct Capture {
    static constexpr const char* kType = "capture";
    std::uint32_t requestId = 0;
    PromptSpec prompt;
    std::vector<std::string> taps; ///< "blocks.*.resid_post", "logits"
    MethodSet methods;
    int generate = 0;          ///< greedy tokens after the prompt, EOS ignored
    bool tapGenerated = false; ///< taps cover generated positions too (cached decode)
    bool operator==(const Capture&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Capture, requestId, "request_id"), LS_FIELD(Capture, prompt, "prompt"),
                               LS_FIELD(Capture, taps, "taps"), LS_FIELD(Capture, methods, "methods"),
                               LS_FIELD(Capture, generate, "generate"),
                               LS_FIELD(Capture, tapGenerated, "tap_generated"));
    }
};

/// A long run with progress, cancel and stored rows. Kinds and their params/results: docs/experiments.md.
/// Answered by ExperimentProgress*, ExperimentRow*, Tensor*, then ExperimentDone or Failed.
struct RunExperiment {
    static constexpr const char* kType = "run_experiment";
    std::uint32_t requestId = 0;
    std::string kind;
    nlohmann::json params = nlohmann::json::object();
    bool operator==(const RunExperiment&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(RunExperiment, requestId, "request_id"), LS_FIELD(RunExperiment, kind, "kind"),
                               LS_FIELD(RunExperiment, params, "params"));
    }
};

struct Shutdown {
    static constexpr const char* kType = "shutdown";
    std::uint32_t requestId = 0;
    bool operator==(const Shutdown&) const = default;
    static constexpr auto fields() { return std::make_tuple(LS_FIELD(Shutdown, requestId, "request_id")); }
};

// ---- engine to client -------------------------------------------------------------------------------------------

struct Ready {
    static constexpr const char* kType = "ready";
    int version = kProtocolVersion;
    std::string engine;              ///< "layerscope-engine 0.1.0"
    std::string build;               ///< compiler, libtorch version, CPU features
    std::vector<DeviceInfo> devices; ///< CPU first; CUDA devices or the reason why there is none
    int threads = 0;
    std::int64_t rssBytes = 0; ///< resident memory of the idle engine
    bool operator==(const Ready&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Ready, version, "version"), LS_FIELD(Ready, engine, "engine"),
                               LS_FIELD(Ready, build, "build"), LS_FIELD(Ready, devices, "devices"),
                               LS_FIELD(Ready, threads, "threads"), LS_FIELD(Ready, rssBytes, "rss_bytes"));
    }
};

struct Progress {
    static constexpr const char* kType = "progress";
    std::uint32_t requestId = 0;
    std::string stage;          ///< "reading tensors", "calibrating"
    double done = 0, total = 0; ///< total 0 = unknown
    bool operator==(const Progress&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Progress, requestId, "request_id"), LS_FIELD(Progress, stage, "stage"),
                               LS_FIELD(Progress, done, "done"), LS_FIELD(Progress, total, "total"));
    }
};

struct ModelReady {
    static constexpr const char* kType = "model_ready";
    std::uint32_t requestId = 0;
    ModelInfo info;
    std::int64_t loadUs = 0;
    bool operator==(const ModelReady&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(ModelReady, requestId, "request_id"), LS_FIELD(ModelReady, info, "info"),
                               LS_FIELD(ModelReady, loadUs, "load_us"));
    }
};

struct ModelClosed { ///< the open model made room for another one, which may still fail to load
    static constexpr const char* kType = "model_closed";
    std::uint32_t requestId = 0;
    bool operator==(const ModelClosed&) const = default;
    static constexpr auto fields() { return std::make_tuple(LS_FIELD(ModelClosed, requestId, "request_id")); }
};

struct Inspected { ///< info: family, config, tensors [{name, shape, type, bytes}], metadata, sites, memory estimates
    static constexpr const char* kType = "inspected";
    std::uint32_t requestId = 0;
    nlohmann::json info;
    bool operator==(const Inspected&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Inspected, requestId, "request_id"), LS_FIELD(Inspected, info, "info"));
    }
};

struct Failed { ///< ends the request
    static constexpr const char* kType = "failed";
    std::uint32_t requestId = 0;
    std::string code; ///< errcName
    std::string message, hint, detail;
    bool operator==(const Failed&) const = default;
    Error error() const { return {errcFromName(code), message, hint, detail}; }
    static Failed from(std::uint32_t requestId, const Error& error)
    {
        return {requestId, std::string(errcName(error.code)), error.message, error.hint, error.detail};
    }
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Failed, requestId, "request_id"), LS_FIELD(Failed, code, "code"),
                               LS_FIELD(Failed, message, "message"), LS_FIELD(Failed, hint, "hint"),
                               LS_FIELD(Failed, detail, "detail"));
    }
};

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
///   resid_norm                              f32 [L+1]     Euclidean norm of the stream; 0 = embed, l = after block l-1
///   lens.ids, lens.probs                    i32, f32 [L+1, k]  logit lens (final norm once, unembedding), text in
///   `texts` lens.entropy                            f32 [L+1]     nats contextualisation.c, contextualisation.gain f32
///   [L+1]  NaN before the window and on sink tokens contextualisation.sink                  f32 [1]       1 = sink
///   token (left out of every statistic) safety.score                            f32 [L+1]     (x.u - midpoint) / train
///   sd; + = harmful kl                                      f32 [1]       lane B..D: KL(A || this lane) of the
///   next-token distribution
///                                                         that produced `position`, nats; only up to the first
///                                                         divergence
///   stream_distance                         f32 [L+1]     1 - cosine of the stream to lane A's at this position;
///   likewise
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

struct Tokenized {
    static constexpr const char* kType = "tokenized";
    std::uint32_t requestId = 0;
    std::vector<std::vector<std::int32_t>> ids;
    std::vector<std::string> decoded;
    bool operator==(const Tokenized&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Tokenized, requestId, "request_id"), LS_FIELD(Tokenized, ids, "ids"),
                               LS_FIELD(Tokenized, decoded, "decoded"));
    }
};

struct Rendered { ///< one {"rendered"} or {"error"} per context
    static constexpr const char* kType = "rendered";
    std::uint32_t requestId = 0;
    nlohmann::json results = nlohmann::json::array();
    bool operator==(const Rendered&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Rendered, requestId, "request_id"), LS_FIELD(Rendered, results, "results"));
    }
};

struct Tensor { ///< a whole tensor under its canonical name ("blocks.3.resid_post", "ids")
    static constexpr const char* kType = "tensor";
    std::uint32_t requestId = 0;
    std::string name;
    TensorBlob value;
    bool operator==(const Tensor&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(Tensor, requestId, "request_id"), LS_FIELD(Tensor, name, "name"),
                               LS_FIELD(Tensor, value, "value"));
    }
};

struct ExperimentRow { ///< one finished item, stored as it arrives
    static constexpr const char* kType = "experiment_row";
    std::uint32_t requestId = 0;
    int index = 0;
    nlohmann::json row = nlohmann::json::object();
    bool operator==(const ExperimentRow&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(ExperimentRow, requestId, "request_id"),
                               LS_FIELD(ExperimentRow, index, "index"), LS_FIELD(ExperimentRow, row, "row"));
    }
};

struct ExperimentDone {
    static constexpr const char* kType = "experiment_done";
    std::uint32_t requestId = 0;
    nlohmann::json result = nlohmann::json::object();
    bool operator==(const ExperimentDone&) const = default;
    static constexpr auto fields()
    {
        return std::make_tuple(LS_FIELD(ExperimentDone, requestId, "request_id"),
                               LS_FIELD(ExperimentDone, result, "result"));
    }
};

#undef LS_FIELD

using ClientMessage = std::variant<Hello, OpenModel, InspectModel, Generate, SetMethods, Cancel, Pause, TokenizeText,
                                   RenderChat, Capture, RunExperiment, Shutdown>;
using EngineMessage = std::variant<Ready, Progress, ModelReady, ModelClosed, Inspected, Failed, GenerationStarted,
                                   Token, Tap, Applied, Unavailable, Divergence, Memory, LaneDone, GenerationDone,
                                   Tokenized, Rendered, Tensor, ExperimentRow, ExperimentDone>;

} // namespace ls
