#pragma once

#include "core/error.h"
#include "core/model_info.h"
#include "core/protocol/message_values.h"
#include "core/protocol/tensor.h"
#include "core/protocol/version.h"

/// What the engine says of itself, of models, texts and experiments (core/protocol/messages.h).
namespace ls {

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

} // namespace ls
