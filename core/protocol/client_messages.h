#pragma once

#include "core/protocol/message_values.h"
#include "core/protocol/version.h"

/// What a client asks the engine (core/protocol/messages.h).
namespace ls {

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

} // namespace ls
