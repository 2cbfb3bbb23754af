#pragma once

#include "core/session/session.h"

#include <map>
#include <memory>

struct sqlite3;
namespace SQLite {
class Database;
class Statement;
} // namespace SQLite

namespace ls::store {

/// A run without its lanes' contents: the row that changes while it runs.
struct RunHead {
    std::int64_t id = 0, modelId = 0;
    nlohmann::json spec;
    std::string startedAt, state, renderedPrompt; ///< state: running | done | failed | interrupted
    int templateTokens = 0;
    std::optional<Memory> memory;
    std::optional<Error> failure;
};
RunHead headOf(const RunData& run, std::int64_t modelId);

struct LaneHead {
    std::int64_t id = 0, runId = 0;
    std::string name, reason;
    MethodSet methods;
    std::int64_t ttftUs = 0;
    double tokensPerSecond = 0;
    std::optional<int> divergence;
    LaneStages stages;
};
LaneHead headOf(const LaneData& lane, std::int64_t laneId, std::int64_t runId);

/// An experiment without params and rows.
struct ExperimentHead {
    std::int64_t id = 0;
    std::string state, stage;
    double done = 0, total = 0;
    nlohmann::json result;
    std::optional<Error> failure;
};
ExperimentHead headOf(const ExperimentData& experiment);

/// Writes rows of the session file. Ids come from the caller; a row of the same key is replaced. Every function may
/// throw SQLite::Exception; transactions are the caller's.
class Records {
public:
    explicit Records(SQLite::Database& database);
    ~Records();

    void session(const std::string& createdAt);
    void model(std::int64_t id, const ModelInfo& info);
    void run(const RunHead& head);
    void lane(const LaneHead& head);
    void token(std::int64_t laneId, int position, const TokenData& token);
    void tap(std::int64_t runId, std::int64_t laneId, int position, const std::string& output, const TapValue& value);
    /// Tokens and taps of a lane at once: a fork, or a copy of the session.
    void laneContents(std::int64_t runId, std::int64_t laneId, const LaneData& lane);
    void toggle(std::int64_t runId, const ToggleData& toggle);
    void experiment(const ExperimentHead& head, const std::string& kind, std::int64_t modelId,
                    const nlohmann::json& params, const std::string& startedAt);
    void experimentState(const ExperimentHead& head);
    void row(std::int64_t experimentId, std::int64_t index, const nlohmann::json& row);
    void metric(std::int64_t id, std::int64_t runId, const Metric& metric);
    void event(const SessionEvent& event);
    void note(const std::string& createdAt, const std::string& text);
    void artefact(const Artefact& artefact);
    void property(const std::string& key, const nlohmann::json& value);

private:
    template <typename... Values>
    void write(const char* sql, const Values&... values);

    SQLite::Database& m_database;
    std::map<const char*, std::unique_ptr<SQLite::Statement>> m_statements; ///< by the literal's address
};

} // namespace ls::store
