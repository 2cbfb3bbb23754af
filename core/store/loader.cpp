#include "core/store/loader.h"

#include "core/protocol/fields.h"
#include "core/store/column.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>

namespace ls::store {

namespace {

using SQLite::Column;
using SQLite::Statement;

constexpr std::int64_t kLargestBlob = 1'000'000'000; // SQLite's own limit

/// Thrown inside this file only: a row that says something impossible.
struct Damage {
    std::string what;
};

nlohmann::json jsonIn(const Column& column)
{
    auto json = unpackJson(column.getString(), column.isBlob());
    if (!json)
        throw Damage{fmt::format("column {} is no JSON", column.getName())};
    return std::move(*json);
}

template <typename T>
T fieldsIn(const Column& column)
{
    T out;
    fields::fromJson(jsonIn(column), out, column.getName());
    return out;
}

double numberIn(const Column& column)
{
    return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

std::optional<Error> errorIn(const Column& column)
{
    if (column.isNull())
        return {};
    const auto json = jsonIn(column);
    if (!json.is_object())
        throw Damage{"a failure is no map"};
    return Error{errcFromName(json.value("code", "")), json.value("message", ""), json.value("hint", ""),
                 json.value("detail", "")};
}

MethodSet methodsIn(const nlohmann::json& json)
{
    auto methods = methodSetFromJson(json);
    if (!methods)
        throw Damage{methods.error().message};
    return std::move(methods).value();
}

std::vector<TopCandidate> candidatesIn(const Column& column)
{
    std::vector<TopCandidate> out;
    for (const auto& item : jsonIn(column))
        out.push_back({item.at(0).get<std::int32_t>(), item.at(1).get<std::string>(), item.at(2).get<float>()});
    return out;
}

class Loader {
public:
    explicit Loader(SQLite::Database& database)
        : m_database(database)
    {
    }

    SessionState read()
    {
        readWhole();
        readRuns();
        readLanes();
        readTokens();
        readTaps();
        readEvents();
        readExperiments();
        return std::move(m_state);
    }

private:
    struct LanePlace {
        StoredRun* run;
        std::size_t index;
        LaneData& lane() const { return run->data.lanes[index]; }
    };

    void readWhole()
    {
        for (Statement q(m_database, "SELECT created_at FROM session"); q.executeStep();)
            m_state.createdAt = q.getColumn(0).getString();
        for (Statement q(m_database, "SELECT id, json FROM model ORDER BY id"); q.executeStep();) {
            if (q.getColumn(0).getInt64() != std::int64_t(m_state.models.size()) + 1)
                throw Damage{"a model is missing"};
            m_state.models.push_back(fieldsIn<ModelInfo>(q.getColumn(1)));
        }
        for (Statement q(m_database, "SELECT key, json FROM property"); q.executeStep();)
            m_state.properties[q.getColumn(0).getString()] = jsonIn(q.getColumn(1));
        for (Statement q(m_database, "SELECT created_at, text FROM note ORDER BY id"); q.executeStep();)
            m_state.notes.push_back({q.getColumn(0).getString(), q.getColumn(1).getString()});
        readMetrics();
        readArtefacts();
    }

    void readMetrics()
    {
        Statement q(m_database, "SELECT id, run_id, lane, name, unit, value, low, high, n, origin, spec_hash "
                                "FROM metric ORDER BY id");
        while (q.executeStep()) {
            StoredMetric stored{q.getColumn(0).getInt64(), q.getColumn(1).getInt64(), {}};
            Metric& m = stored.metric;
            m.lane = q.getColumn(2).getString();
            m.name = q.getColumn(3).getString();
            m.unit = q.getColumn(4).getString();
            m.value = numberIn(q.getColumn(5));
            if (!q.getColumn(6).isNull())
                m.low = q.getColumn(6).getDouble();
            if (!q.getColumn(7).isNull())
                m.high = q.getColumn(7).getDouble();
            m.n = q.getColumn(8).getInt();
            m.origin = q.getColumn(9).getString();
            m.specHash = q.getColumn(10).getString();
            m_state.nextMetric = stored.id + 1;
            m_state.metrics.push_back(std::move(stored));
        }
    }

    void readArtefacts()
    {
        Statement q(m_database, "SELECT name, kind, meta_json, encoding, size_bytes, blob FROM artefact ORDER BY name");
        while (q.executeStep()) {
            Artefact artefact{q.getColumn(0).getString(), q.getColumn(1).getString(), jsonIn(q.getColumn(2)), {}};
            const std::int64_t size = q.getColumn(4).getInt64();
            if (size < 0 || size > kLargestBlob)
                throw Damage{"size of artefact " + artefact.name};
            artefact.bytes = bytesIn(q.getColumn(5), q.getColumn(3).getString(), std::size_t(size), artefact.name);
            m_state.artefacts.push_back(std::move(artefact));
        }
    }

    static std::vector<std::uint8_t> bytesIn(const Column& blob, const std::string& encoding, std::size_t size,
                                             const std::string& what)
    {
        auto bytes = unpackBlob(blob.getBlob(), std::size_t(blob.getBytes()), encoding, size);
        if (!bytes)
            throw Damage{"bytes of " + what};
        return std::move(*bytes);
    }

    const ModelInfo& model(std::int64_t id) const
    {
        if (id < 1 || std::size_t(id) > m_state.models.size())
            throw Damage{"a run names a model that is missing"};
        return m_state.models[std::size_t(id) - 1];
    }

    void readRuns()
    {
        Statement q(m_database, "SELECT run.id, spec.json, model_id, started_at, state, rendered_prompt, "
                                "template_tokens, memory_json, failure_json "
                                "FROM run JOIN spec ON spec.hash = run.spec_hash ORDER BY run.id");
        while (q.executeStep()) {
            auto stored = std::make_unique<StoredRun>();
            RunData& run = stored->data;
            run.id = q.getColumn(0).getInt64();
            run.spec = fieldsIn<RunSpec>(q.getColumn(1));
            stored->modelId = q.getColumn(2).getInt64();
            run.model = model(stored->modelId);
            run.startedAt = q.getColumn(3).getString();
            if (q.getColumn(4).getString() == "running")
                m_interrupted.push_back(stored.get());
            run.renderedPrompt = q.getColumn(5).getString();
            run.templateTokens = q.getColumn(6).getInt();
            if (!q.getColumn(7).isNull())
                run.memory = fieldsIn<Memory>(q.getColumn(7));
            run.failure = errorIn(q.getColumn(8));
            m_state.nextRun = run.id + 1;
            m_runs[run.id] = stored.get();
            m_state.runs.push_back(std::move(stored));
        }
    }

    void readLanes()
    {
        Statement q(m_database,
                    "SELECT id, run_id, name, methods_json, reason, ttft_us, tokens_per_second, divergence, "
                    "stages_json FROM lane ORDER BY id");
        while (q.executeStep()) {
            const auto run = m_runs.find(q.getColumn(1).getInt64());
            if (run == m_runs.end())
                throw Damage{"a lane names a run that is missing"};
            LaneData lane{q.getColumn(2).getString(), methodsIn(jsonIn(q.getColumn(3)))};
            lane.reason = q.getColumn(4).getString();
            lane.ttftUs = q.getColumn(5).getInt64();
            lane.tokensPerSecond = numberIn(q.getColumn(6));
            if (!q.getColumn(7).isNull())
                lane.divergence = q.getColumn(7).getInt();
            if (!q.getColumn(8).isNull())
                lane.stages = fieldsIn<LaneStages>(q.getColumn(8));
            if (!lane.stages.valid())
                throw Damage{"times of a lane"};
            const std::int64_t id = q.getColumn(0).getInt64();
            m_lanes.emplace(id, LanePlace{run->second, run->second->data.lanes.size()});
            run->second->data.lanes.push_back(std::move(lane));
            run->second->laneIds.push_back(id);
            m_state.nextLane = id + 1;
        }
        for (StoredRun* run : m_interrupted)
            for (LaneData& lane : run->data.lanes)
                if (lane.reason.empty())
                    lane.reason = "interrupted";
    }

    LaneData& lane(std::int64_t id)
    {
        const auto found = m_lanes.find(id);
        if (found == m_lanes.end())
            throw Damage{"a token names a lane that is missing"};
        return found->second.lane();
    }

    void readTokens()
    {
        Statement q(m_database, "SELECT lane_id, idx, token_id, text, origin, logprob, entropy, time_us, step_us, "
                                "top_json FROM token ORDER BY lane_id, idx");
        while (q.executeStep()) {
            std::vector<TokenData>& tokens = lane(q.getColumn(0).getInt64()).tokens;
            if (q.getColumn(1).getInt64() != std::int64_t(tokens.size()))
                throw Damage{"a token is missing"};
            tokens.push_back({q.getColumn(2).getInt(), q.getColumn(3).getString(), q.getColumn(4).getString(),
                              float(numberIn(q.getColumn(5))), float(numberIn(q.getColumn(6))),
                              candidatesIn(q.getColumn(9)), q.getColumn(7).getInt64(), q.getColumn(8).getInt64()});
        }
    }

    void readTaps()
    {
        Statement q(m_database, "SELECT lane_id, token_idx, site, dtype, shape, encoding, blob, texts_json FROM tap");
        while (q.executeStep()) {
            const std::string site = q.getColumn(2).getString();
            TapValue tap;
            tap.value.dtype = q.getColumn(3).getString();
            const auto shape = unpackShape(q.getColumn(4).getString());
            const auto size = shape ? blobSize(tap.value.dtype, *shape) : std::nullopt;
            if (!size)
                throw Damage{"shape of tap " + site};
            tap.value.shape = *shape;
            tap.value.bytes = bytesIn(q.getColumn(6), q.getColumn(5).getString(), *size, "tap " + site);
            if (!q.getColumn(7).isNull())
                tap.texts = jsonIn(q.getColumn(7)).get<std::vector<std::string>>();
            lane(q.getColumn(0).getInt64()).taps[site][q.getColumn(1).getInt()] = std::move(tap);
        }
    }

    void readEvents()
    {
        Statement q(m_database, "SELECT run_id, lane, token_idx, kind, json FROM event ORDER BY id");
        while (q.executeStep()) {
            const std::int64_t runId = q.getColumn(0).getInt64();
            const int position = q.getColumn(2).getInt();
            auto json = jsonIn(q.getColumn(4));
            if (q.getColumn(1).isNull()) {
                m_state.events.push_back({runId, position, q.getColumn(3).getString(), std::move(json)});
                continue;
            }
            const auto run = m_runs.find(runId);
            if (run == m_runs.end() || !json.is_object())
                throw Damage{"a toggle belongs to no run"};
            run->second->data.toggles.push_back(
                {q.getColumn(1).getString(), position, json.value("policy", ""), json.value("cost_us", std::int64_t(0)),
                 methodsIn(json.value("methods", nlohmann::json::array())), json.value("fork_lane", "")});
        }
    }

    void readExperiments()
    {
        Statement q(m_database, "SELECT id, kind, model_id, params_json, started_at, state, stage, done, total, "
                                "result_json, failure_json FROM experiment ORDER BY id");
        std::map<std::int64_t, ExperimentData*> byId;
        while (q.executeStep()) {
            auto stored = std::make_unique<StoredExperiment>();
            ExperimentData& e = stored->data;
            e.id = q.getColumn(0).getInt64();
            e.kind = q.getColumn(1).getString();
            stored->modelId = q.getColumn(2).getInt64();
            model(stored->modelId);
            e.params = jsonIn(q.getColumn(3));
            e.startedAt = q.getColumn(4).getString();
            e.state = q.getColumn(5).getString();
            if (e.state == "running")
                e.state = "interrupted";
            e.stage = q.getColumn(6).getString();
            e.done = numberIn(q.getColumn(7));
            e.total = numberIn(q.getColumn(8));
            e.result = jsonIn(q.getColumn(9));
            e.failure = errorIn(q.getColumn(10));
            m_state.nextExperiment = e.id + 1;
            byId[e.id] = &e;
            m_state.experiments.push_back(std::move(stored));
        }
        Statement rows(m_database, "SELECT experiment_id, json FROM row ORDER BY experiment_id, idx");
        while (rows.executeStep()) {
            const auto found = byId.find(rows.getColumn(0).getInt64());
            if (found == byId.end())
                throw Damage{"a row belongs to no experiment"};
            found->second->rows.push_back(jsonIn(rows.getColumn(1)));
        }
    }

    SQLite::Database& m_database;
    SessionState m_state;
    std::map<std::int64_t, StoredRun*> m_runs;
    std::map<std::int64_t, LanePlace> m_lanes;
    std::vector<StoredRun*> m_interrupted;
};

} // namespace

Result<SessionState> load(SQLite::Database& database)
{
    const auto damaged = [&](const std::string& what) {
        return Error{Errc::SessionDamaged, fmt::format("{} is damaged.", database.getFilename()),
                     "Restore it from a copy. It was not changed.", what};
    };
    try {
        SQLite::Transaction snapshot(database); // one state, also while another program writes; rolled back at the end
        return Loader(database).read();
    } catch (const Damage& damage) {
        return damaged(damage.what);
    } catch (const SQLite::Exception& error) {
        if ((error.getErrorCode() & 0xff) == SQLITE_ERROR) // a table or column is not there
            return damaged(error.what());
        throw;
    } catch (const fields::DecodeError& error) {
        return damaged(error.what);
    } catch (const nlohmann::json::exception& error) {
        return damaged(error.what());
    }
}

} // namespace ls::store
