#pragma once

#include "core/process/conversation.h"
#include "core/session/session.h"

/// Runs generations and experiments on an engine and records them in a session as they arrive.
namespace ls {

class Recorder {
public:
    using Progress = std::function<void(const EngineMessage&)>; ///< sees every message; may be empty

    /// All three must outlive it. `interrupted` cancels what runs.
    Recorder(EngineProcess& engine, Session& session, ModelInfo model, Progress progress = {},
             const std::atomic<bool>* interrupted = nullptr);

    const ModelInfo& model() const { return m_model; }
    /// A generation from its spec, stored with its metrics. After an error (also Cancelled) the run stays in the
    /// session with what had arrived, marked as failed or stopped.
    Result<RunData*> generate(const RunSpec& spec);
    /// An experiment, stored with its metrics. After an error its rows stay, marked failed or cancelled.
    Result<ExperimentData*> experiment(const std::string& kind, const nlohmann::json& params);

private:
    EngineProcess& m_engine;
    Session& m_session;
    ModelInfo m_model;
    Progress m_progress;
    const std::atomic<bool>* m_interrupted;
};

/// The machine and programs behind the numbers, stored as the session's property "environment" and compared by rerun:
/// {"client", "engine", "build", "threads", "device", "dtype", "fingerprint"}.
nlohmann::json environmentOf(const EngineProcess& engine, const ModelInfo& model);

} // namespace ls
