#include "core/store/records.h"

#include "core/protocol/fields.h"
#include "core/store/column.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace ls::store {

namespace {

using SQLite::Statement;

template <typename Number>
requires std::integral<Number>
void bindValue(Statement& to, int at, Number value)
{
    to.bind(at, std::int64_t(value));
}
template <typename Number>
requires std::floating_point<Number>
void bindValue(Statement& to, int at, Number value)
{
    to.bind(at, double(value)); // NaN becomes NULL
}
void bindValue(Statement& to, int at, const std::string& value)
{
    to.bind(at, value);
}
void bindValue(Statement& to, int at, const char* value)
{
    to.bind(at, value);
}
void bindValue(Statement& to, int at, const nlohmann::json& value)
{
    const JsonColumn column = packJson(value);
    if (column.cbor)
        to.bind(at, column.bytes.data(), int(column.bytes.size()));
    else
        to.bind(at, column.bytes);
}
void bindValue(Statement& to, int at, const std::vector<std::uint8_t>& value)
{
    if (value.empty())
        to.bind(at);
    else
        to.bind(at, value.data(), int(value.size()));
}
template <typename T>
void bindValue(Statement& to, int at, const std::optional<T>& value)
{
    if (value)
        bindValue(to, at, *value);
    else
        to.bind(at);
}

nlohmann::json toJsonValue(const Error& error)
{
    return {{"code", errcName(error.code)}, {"message", error.message}, {"hint", error.hint}, {"detail", error.detail}};
}

std::optional<nlohmann::json> orNull(const std::optional<Error>& error)
{
    return error ? std::optional(toJsonValue(*error)) : std::nullopt;
}

nlohmann::json candidates(const std::vector<TopCandidate>& top)
{
    nlohmann::json out = nlohmann::json::array();
    for (const TopCandidate& candidate : top)
        out.push_back({candidate.id, candidate.text, candidate.logprob});
    return out;
}

} // namespace

RunHead headOf(const RunData& run, std::int64_t modelId)
{
    const char* state = run.running ? "running" : run.failure ? "failed" : "done";
    for (const LaneData& lane : run.lanes)
        if (lane.reason == "interrupted")
            state = "interrupted";
        else if (lane.reason == "stopped" && !run.running && !run.failure)
            state = "stopped"; // by the user
    return {
        run.id,     modelId,    fields::toJson(run.spec), run.startedAt, state, run.renderedPrompt, run.templateTokens,
        run.memory, run.failure};
}

LaneHead headOf(const LaneData& lane, std::int64_t laneId, std::int64_t runId)
{
    return {laneId,          runId,      lane.name, lane.reason, lane.methods, lane.ttftUs, lane.tokensPerSecond,
            lane.divergence, lane.stages};
}

ExperimentHead headOf(const ExperimentData& e)
{
    return {e.id, e.state, e.stage, e.done, e.total, e.result, e.failure};
}

Records::Records(SQLite::Database& database)
    : m_database(database)
{
}

Records::~Records() = default;

template <typename... Values>
void Records::write(const char* sql, const Values&... values)
{
    auto& statement = m_statements[sql];
    if (!statement)
        statement = std::make_unique<Statement>(m_database, sql);
    statement->tryReset();
    statement->clearBindings();
    int at = 0;
    (bindValue(*statement, ++at, values), ...);
    statement->exec();
    statement->tryReset();
}

void Records::session(const std::string& createdAt)
{
    write("INSERT OR REPLACE INTO session VALUES (1, ?, ?)", createdAt, "layerscope " LAYERSCOPE_VERSION);
}

void Records::model(std::int64_t id, const ModelInfo& info)
{
    write("INSERT OR REPLACE INTO model VALUES (?, ?, ?)", id, info.fingerprint, fields::toJson(info));
}

void Records::run(const RunHead& head)
{
    const std::string hash = contentHash(packJson(head.spec).bytes);
    std::optional<nlohmann::json> memory;
    if (head.memory)
        memory = fields::toJson(*head.memory);
    write("INSERT OR IGNORE INTO spec VALUES (?, ?)", hash, head.spec);
    write("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
          "rendered_prompt = excluded.rendered_prompt, template_tokens = excluded.template_tokens, "
          "memory_json = excluded.memory_json, failure_json = excluded.failure_json",
          head.id, hash, head.modelId, head.startedAt, head.state, head.renderedPrompt, head.templateTokens, memory,
          orNull(head.failure));
}

void Records::lane(const LaneHead& head)
{
    const auto stages =
        head.stages == LaneStages{} ? std::nullopt : std::optional<nlohmann::json>(fields::toJson(head.stages));
    write("INSERT INTO lane VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
          "reason = excluded.reason, ttft_us = excluded.ttft_us, tokens_per_second = excluded.tokens_per_second, "
          "divergence = excluded.divergence, stages_json = excluded.stages_json",
          head.id, head.runId, head.name, toJson(head.methods), head.reason, head.ttftUs, head.tokensPerSecond,
          head.divergence, stages);
}

void Records::token(std::int64_t laneId, int position, const TokenData& token)
{
    write("INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", laneId, position, token.id, token.text,
          token.origin, token.logprob, token.entropy, token.timeUs, token.stepUs, candidates(token.top));
}

void Records::tap(std::int64_t runId, std::int64_t laneId, int position, const std::string& output,
                  const TapValue& value)
{
    const BlobColumn blob = packBlob(value.value.bytes);
    write("INSERT OR REPLACE INTO tap VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?, ?)", runId, laneId, position, output,
          value.value.dtype, packShape(value.value.shape), blob.encoding, blob.bytes,
          value.texts.empty() ? std::nullopt : std::optional<nlohmann::json>(value.texts));
}

void Records::laneContents(std::int64_t runId, std::int64_t laneId, const LaneData& lane)
{
    for (std::size_t i = 0; i < lane.tokens.size(); ++i)
        token(laneId, int(i), lane.tokens[i]);
    for (const auto& [output, values] : lane.taps)
        for (const auto& [position, value] : values)
            tap(runId, laneId, position, output, value);
}

void Records::toggle(std::int64_t runId, const ToggleData& toggle)
{
    nlohmann::json json{{"policy", toggle.policy}, {"cost_us", toggle.costUs}, {"methods", toJson(toggle.methods)}};
    if (!toggle.forkLane.empty())
        json["fork_lane"] = toggle.forkLane;
    write("INSERT INTO event VALUES (NULL, ?, ?, ?, 'toggle', ?)", runId, toggle.lane, toggle.position, json);
}

void Records::experiment(const ExperimentHead& head, const std::string& kind, std::int64_t modelId,
                         const nlohmann::json& params, const std::string& startedAt)
{
    write("INSERT OR REPLACE INTO experiment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", head.id, kind, modelId, params,
          startedAt, head.state, head.stage, head.done, head.total, head.result, orNull(head.failure));
}

void Records::experimentState(const ExperimentHead& head)
{
    write("UPDATE experiment SET state = ?, stage = ?, done = ?, total = ?, result_json = ?, failure_json = ? "
          "WHERE id = ?",
          head.state, head.stage, head.done, head.total, head.result, orNull(head.failure), head.id);
}

void Records::row(std::int64_t experimentId, std::int64_t index, const nlohmann::json& row)
{
    write("INSERT OR REPLACE INTO row VALUES (?, ?, ?)", experimentId, index, row);
}

void Records::metric(std::int64_t id, std::int64_t runId, const Metric& m)
{
    write("INSERT OR REPLACE INTO metric VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id, runId, m.lane, m.name, m.unit,
          m.value, m.low, m.high, m.n, m.origin, m.specHash);
}

void Records::event(const SessionEvent& event)
{
    write("INSERT INTO event VALUES (NULL, ?, NULL, ?, ?, ?)", event.runId, event.position, event.kind, event.json);
}

void Records::note(const std::string& createdAt, const std::string& text)
{
    write("INSERT INTO note VALUES (NULL, ?, ?)", createdAt, text);
}

void Records::artefact(const Artefact& artefact)
{
    const BlobColumn blob = packBlob(artefact.bytes);
    write("INSERT OR REPLACE INTO artefact VALUES (?, ?, ?, ?, ?, ?)", artefact.name, artefact.kind, artefact.meta,
          blob.encoding, artefact.bytes.size(), blob.bytes);
}

void Records::property(const std::string& key, const nlohmann::json& value)
{
    write("INSERT OR REPLACE INTO property VALUES (?, ?)", key, value);
}

} // namespace ls::store
