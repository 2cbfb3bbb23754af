#pragma once

#include "core/error.h"
#include "core/protocol/tensor.h"
#include "engine/model/model.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// Long runs with progress, cancel and rows that are stored as they arrive (docs/experiments.md).
namespace ls {

/// What an experiment is given. Everything is called on the worker thread.
struct ExperimentContext {
    std::shared_ptr<const Model> model;
    nlohmann::json params = nlohmann::json::object();
    std::function<void(const std::string& stage, double done, double total)> progress; ///< total 0 = unknown
    std::function<void(nlohmann::json row)> row;                                       ///< indices are counted here
    std::function<void(const std::string& name, TensorBlob value)> tensor;
    /// Between two items: lets a waiting Generate run first. False = cancelled: return cancelled() at once.
    std::function<bool()> checkpoint;
    /// For ForwardInput::interrupted: true when a forward pass should stop between two blocks.
    std::function<bool()> interrupted;

    static Error cancelled() { return {Errc::Cancelled, "Stopped.", {}, {}}; }
};

class ExperimentRegistry {
public:
    using Run = std::function<Result<nlohmann::json>(const ExperimentContext& context)>; ///< the result
    static ExperimentRegistry& instance();
    void add(std::string kind, Run run) { m_kinds[std::move(kind)] = std::move(run); }
    const Run* find(const std::string& kind) const;
    std::vector<std::string> kinds() const;

private:
    std::map<std::string, Run> m_kinds;
};

/// Typed readers of params. Errors: InvalidParameter naming the parameter.
Result<std::string> textParam(const nlohmann::json& params, const std::string& name);
Result<std::string> textParam(const nlohmann::json& params, const std::string& name, const std::string& fallback);
Result<std::int64_t> integerParam(const nlohmann::json& params, const std::string& name, std::int64_t fallback,
                                  std::int64_t minimum, std::int64_t maximum);
Result<std::vector<std::string>> textsParam(const nlohmann::json& params, const std::string& name);

} // namespace ls
