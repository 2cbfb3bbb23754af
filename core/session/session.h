#pragma once

#include "core/session/run_data.h"

#include <chrono>
#include <functional>
#include <memory>
#include <span>

/// A session: the runs, experiments, notes and artefacts of one .lsdb file, in memory and on disk.
/// One thread (the desktop's GUI thread or the cli) owns it; writing happens on a thread of its own inside, so that a
/// slow disk never holds up the owner. Every change is on disk at most 200 ms after the call that made it.
namespace ls {

/// Named numbers with their interval: everything a dashboard shows and a report prints.
struct Metric {
    std::string name; ///< "decode_rate"
    std::string lane; ///< "A", "B", "B-A", or empty
    std::string unit; ///< "tok/s", "nats/token", "points", "bytes"
    double value = 0;
    std::optional<double> low, high; ///< 95 % interval
    int n = 0;
    std::string origin;   ///< live | captured | measured | estimated
    std::string specHash; ///< of the methods it was measured under; another one now = stale
    bool operator==(const Metric&) const = default;
};

struct SessionEvent {       ///< what happened, apart from toggles (RunData::toggles)
    std::int64_t runId = 0; ///< 0 = session
    int position = -1;      ///< -1 = at no token
    std::string kind;       ///< "engine_died"
    nlohmann::json json;
    bool operator==(const SessionEvent&) const = default;
};

struct Artefact {     ///< a small file kept with the session: calibration summary, steering vector, probe
    std::string name; ///< "steering/concise.gguf"
    std::string kind;
    nlohmann::json meta = nlohmann::json::object();
    std::vector<std::uint8_t> bytes;
};

class Session {
public:
    /// Creates a new file, or one in memory only for an empty path (nothing is written until saveAs).
    /// Errors: FileNotWritable (also when the file exists already: it is never overwritten), DiskFull, SessionLocked.
    static Result<std::unique_ptr<Session>> create(const std::string& path);
    /// Errors: FileNotFound, SessionDamaged, SessionNewer, SessionLocked (open in another window; readOnly still
    /// works: it shows the file as it is now, changes stay in memory), FileNotWritable (open it readOnly).
    /// A run or experiment whose writer died comes back ended, as "interrupted".
    static Result<std::unique_ptr<Session>> open(const std::string& path, bool readOnly = false);
    virtual ~Session() = default;

    virtual const std::string& path() const = 0;
    virtual bool readOnly() const = 0;
    /// Copies everything to a new file and goes on there; an existing file is replaced once the copy is whole.
    /// Works also while the old file cannot be written. Errors as create(); the session then goes on as before.
    virtual Status saveAs(const std::string& path) = 0;

    // runs
    virtual RunData& startRun(RunSpec spec, ModelInfo model) = 0; ///< reference stays valid for the session's life
    virtual std::vector<RunData*> runs() = 0;                     ///< oldest first
    RunData* latestRun();
    /// Applies the message to the run and queues it for the file. False if the message is none of a run's.
    virtual bool record(RunData& run, const EngineMessage& message) = 0;
    virtual void finishRun(RunData& run) = 0;
    virtual void failRun(RunData& run, const Error& error) = 0; ///< the engine died, a step failed

    // experiments
    virtual ExperimentData& startExperiment(std::string kind, nlohmann::json params, ModelInfo model) = 0;
    virtual bool record(ExperimentData& experiment, const EngineMessage& message) = 0;
    virtual void endExperiment(ExperimentData& experiment, std::string state, std::optional<Error> failure) = 0;
    virtual std::vector<ExperimentData*> experiments() = 0; ///< oldest first

    // what belongs to the session as a whole
    /// runId 0 = session. Replaces one of the same run, name, lane, origin and specHash.
    virtual void addMetric(const Metric& metric, std::int64_t runId) = 0;
    virtual std::vector<std::pair<std::int64_t, Metric>> metrics() const = 0;
    virtual void addEvent(std::int64_t runId, int position, const std::string& kind, const nlohmann::json& json) = 0;
    virtual std::vector<SessionEvent> events() const = 0;
    virtual void addNote(const std::string& text) = 0;
    virtual std::vector<std::string> notes() const = 0;
    virtual void putArtefact(const Artefact& artefact) = 0; ///< replaces one of the same name
    virtual std::vector<Artefact> artefacts() const = 0;
    virtual void setProperty(const std::string& key, const nlohmann::json& value) = 0; ///< desk, selection, layout
    virtual nlohmann::json property(const std::string& key) const = 0;
    virtual std::vector<ModelInfo> models() const = 0;

    /// Waits until everything queued is on disk; the error if it could not be written (DiskFull, FileNotWritable).
    virtual Status flush() = 0;
    /// Called from the writer's thread when writing starts to fail or works again; results stay in memory meanwhile.
    virtual void onWriteState(std::function<void(const Status&)> callback) = 0;
};

} // namespace ls
