#include "core/session/session.h"
#include "core/store/column.h"
#include "core/store/session_file.h"
#include "core/store/write_queue.h"

#include <SQLiteCpp/Database.h>

#include <algorithm>

namespace ls {

namespace {

using namespace store;

/// The owner's view in memory; each change goes to the queue as values, so the writing thread shares nothing with it.
class FileSession final : public Session {
public:
    FileSession(std::string path, SessionState state, bool readOnly)
        : m_path(std::move(path))
        , m_readOnly(readOnly)
        , m_state(std::move(state))
    {
    }

    void writeTo(SessionFile file)
    {
        m_queue.reset(); // closes the old file before its lock goes
        m_lock = std::move(file.lock);
        m_queue = std::make_unique<WriteQueue>(std::move(file.database), m_path);
        m_queue->onState(m_onState);
    }
    /// Tells the file what loading found out: what was running is interrupted.
    void markInterrupted();

    const std::string& path() const override { return m_path; }
    bool readOnly() const override { return m_readOnly; }
    Status saveAs(const std::string& path) override;

    RunData& startRun(RunSpec spec, ModelInfo model) override;
    std::vector<RunData*> runs() override;
    bool record(RunData& run, const EngineMessage& message) override;
    void finishRun(RunData& run) override;
    void failRun(RunData& run, const Error& error) override { record(run, Failed::from(0, error)); }

    ExperimentData& startExperiment(std::string kind, nlohmann::json params, ModelInfo model) override;
    bool record(ExperimentData& experiment, const EngineMessage& message) override;
    void endExperiment(ExperimentData& experiment, std::string state, std::optional<Error> failure) override;
    std::vector<ExperimentData*> experiments() override;

    void addMetric(const Metric& metric, std::int64_t runId) override;
    std::vector<std::pair<std::int64_t, Metric>> metrics() const override;
    void addEvent(std::int64_t runId, int position, const std::string& kind, const nlohmann::json& json) override;
    std::vector<SessionEvent> events() const override { return m_state.events; }
    void addNote(const std::string& text) override;
    std::vector<std::string> notes() const override;
    void putArtefact(const Artefact& artefact) override;
    std::vector<Artefact> artefacts() const override { return m_state.artefacts; }
    void setProperty(const std::string& key, const nlohmann::json& value) override;
    nlohmann::json property(const std::string& key) const override;
    std::vector<ModelInfo> models() const override { return m_state.models; }

    Status flush() override { return m_queue ? m_queue->flush() : success(); }
    void onWriteState(std::function<void(const Status&)> callback) override;

private:
    void push(WriteQueue::Write write)
    {
        if (m_queue)
            m_queue->push(std::move(write));
    }
    std::int64_t modelId(const ModelInfo& model);
    StoredRun* stored(const RunData& run);
    std::int64_t laneId(StoredRun& run, const std::string& lane);
    void pushHead(StoredRun& run, const std::string& lane);
    void pushHeads(StoredRun& run);
    void pushState(const ExperimentData& experiment);

    std::string m_path;
    bool m_readOnly = false;
    SessionState m_state;
    WriteQueue::OnState m_onState;
    SessionLock m_lock;                  ///< given back after the queue has closed the file
    std::unique_ptr<WriteQueue> m_queue; ///< none: in memory only
};

void FileSession::markInterrupted()
{
    for (const auto& run : m_state.runs)
        if (std::any_of(run->data.lanes.begin(), run->data.lanes.end(),
                        [](const LaneData& lane) { return lane.reason == "interrupted"; }))
            pushHeads(*run);
    for (const auto& experiment : m_state.experiments)
        if (experiment->data.state == "interrupted")
            pushState(experiment->data);
}

Status FileSession::saveAs(const std::string& path)
{
    if (m_queue && path == m_path)
        return flush();
    LS_TRY(SessionFile file, writeFile(path, m_state));
    m_path = path;
    m_readOnly = false;
    writeTo(std::move(file));
    return success();
}

std::int64_t FileSession::modelId(const ModelInfo& model)
{
    auto& models = m_state.models;
    const auto found = std::find(models.begin(), models.end(), model);
    const std::int64_t id = found - models.begin() + 1;
    if (found == models.end()) {
        models.push_back(model);
        push([id, model](Records& to) { to.model(id, model); });
    }
    return id;
}

StoredRun* FileSession::stored(const RunData& run)
{
    for (auto it = m_state.runs.rbegin(); it != m_state.runs.rend(); ++it) // most often the newest
        if (&(*it)->data == &run)
            return it->get();
    return nullptr;
}

/// Lanes appear in the file when they appear in the run.
std::int64_t FileSession::laneId(StoredRun& run, const std::string& lane)
{
    for (std::size_t i = run.laneIds.size(); i < run.data.lanes.size(); ++i) {
        const std::int64_t id = m_state.nextLane++;
        run.laneIds.push_back(id);
        push([head = headOf(run.data.lanes[i], id, run.data.id)](Records& to) { to.lane(head); });
    }
    for (std::size_t i = 0; i < run.data.lanes.size(); ++i)
        if (run.data.lanes[i].name == lane)
            return run.laneIds[i];
    return 0;
}

void FileSession::pushHead(StoredRun& run, const std::string& lane)
{
    if (const LaneData* data = run.data.lane(lane))
        push([head = headOf(*data, laneId(run, lane), run.data.id)](Records& to) { to.lane(head); });
}

void FileSession::pushHeads(StoredRun& run)
{
    laneId(run, {});
    push([head = headOf(run.data, run.modelId)](Records& to) { to.run(head); });
    for (std::size_t i = 0; i < run.laneIds.size(); ++i)
        push([head = headOf(run.data.lanes[i], run.laneIds[i], run.data.id)](Records& to) { to.lane(head); });
}

RunData& FileSession::startRun(RunSpec spec, ModelInfo model)
{
    auto run = std::make_unique<StoredRun>();
    run->modelId = modelId(model);
    run->data.id = m_state.nextRun++;
    run->data.spec = std::move(spec);
    run->data.model = std::move(model);
    run->data.startedAt = utcNow();
    run->data.running = true;
    StoredRun& out = *m_state.runs.emplace_back(std::move(run));
    pushHeads(out);
    return out.data;
}

std::vector<RunData*> FileSession::runs()
{
    std::vector<RunData*> out;
    for (const auto& run : m_state.runs)
        out.push_back(&run->data);
    return out;
}

bool FileSession::record(RunData& run, const EngineMessage& message)
{
    StoredRun* const slot = stored(run);
    const std::size_t lanesBefore = run.lanes.size();
    if (!slot || !run.apply(message))
        return false;
    if (const auto* token = std::get_if<Token>(&message)) {
        const LaneData* lane = run.lane(token->lane);
        push([id = laneId(*slot, token->lane), at = token->position,
              data = lane->tokens[std::size_t(token->position)]](Records& to) { to.token(id, at, data); });
    } else if (const auto* tap = std::get_if<Tap>(&message)) {
        push([runId = run.id, id = laneId(*slot, tap->lane), at = tap->position, output = tap->output,
              value = TapValue{tap->value, tap->texts}](Records& to) { to.tap(runId, id, at, output, value); });
    } else if (const auto* stages = std::get_if<Stages>(&message)) {
        pushHead(*slot, stages->lane);
    } else if (std::holds_alternative<Applied>(message)) {
        push([runId = run.id, toggle = run.toggles.back()](Records& to) { to.toggle(runId, toggle); });
        pushHead(*slot, run.toggles.back().lane);
        if (run.lanes.size() > lanesBefore) // a fork brings its past along
            push([runId = run.id, id = laneId(*slot, run.lanes.back().name), lane = run.lanes.back()](Records& to) {
                to.laneContents(runId, id, lane);
            });
    } else {
        pushHeads(*slot);
    }
    return true;
}

void FileSession::finishRun(RunData& run)
{
    run.running = false;
    if (StoredRun* const slot = stored(run))
        pushHeads(*slot);
}

ExperimentData& FileSession::startExperiment(std::string kind, nlohmann::json params, ModelInfo model)
{
    auto experiment = std::make_unique<StoredExperiment>();
    experiment->modelId = modelId(model);
    ExperimentData& data = experiment->data;
    data.id = m_state.nextExperiment++;
    data.kind = std::move(kind);
    data.params = std::move(params);
    data.state = "running";
    data.startedAt = utcNow();
    push([head = headOf(data), kindNow = data.kind, modelNow = experiment->modelId, paramsNow = data.params,
          startedAt = data.startedAt](Records& to) { to.experiment(head, kindNow, modelNow, paramsNow, startedAt); });
    m_state.experiments.push_back(std::move(experiment));
    return data;
}

void FileSession::pushState(const ExperimentData& experiment)
{
    push([head = headOf(experiment)](Records& to) { to.experimentState(head); });
}

bool FileSession::record(ExperimentData& experiment, const EngineMessage& message)
{
    if (const auto* row = std::get_if<ExperimentRow>(&message)) {
        experiment.rows.push_back(row->row);
        push([id = experiment.id, index = std::int64_t(experiment.rows.size()) - 1, value = row->row](Records& to) {
            to.row(id, index, value);
        });
        return true;
    }
    if (const auto* progress = std::get_if<Progress>(&message)) {
        experiment.stage = progress->stage;
        experiment.done = progress->done;
        experiment.total = progress->total;
    } else if (const auto* done = std::get_if<ExperimentDone>(&message)) {
        experiment.result = done->result;
    } else {
        return false;
    }
    pushState(experiment);
    return true;
}

void FileSession::endExperiment(ExperimentData& experiment, std::string state, std::optional<Error> failure)
{
    experiment.state = std::move(state);
    experiment.failure = std::move(failure);
    pushState(experiment);
}

std::vector<ExperimentData*> FileSession::experiments()
{
    std::vector<ExperimentData*> out;
    for (const auto& experiment : m_state.experiments)
        out.push_back(&experiment->data);
    return out;
}

void FileSession::addMetric(const Metric& metric, std::int64_t runId)
{
    const auto same = [&](const StoredMetric& other) {
        const Metric& m = other.metric;
        return other.runId == runId && m.name == metric.name && m.lane == metric.lane && m.origin == metric.origin &&
               m.specHash == metric.specHash;
    };
    auto& metrics = m_state.metrics;
    auto found = std::find_if(metrics.begin(), metrics.end(), same);
    if (found == metrics.end())
        found = metrics.insert(found, StoredMetric{m_state.nextMetric++, runId, {}});
    found->metric = metric;
    push([stored = *found](Records& to) { to.metric(stored.id, stored.runId, stored.metric); });
}

std::vector<std::pair<std::int64_t, Metric>> FileSession::metrics() const
{
    std::vector<std::pair<std::int64_t, Metric>> out;
    for (const StoredMetric& stored : m_state.metrics)
        out.emplace_back(stored.runId, stored.metric);
    return out;
}

void FileSession::addEvent(std::int64_t runId, int position, const std::string& kind, const nlohmann::json& json)
{
    const SessionEvent& event = m_state.events.emplace_back(SessionEvent{runId, position, kind, json});
    push([event](Records& to) { to.event(event); });
}

void FileSession::addNote(const std::string& text)
{
    const StoredNote& note = m_state.notes.emplace_back(StoredNote{utcNow(), text});
    push([note](Records& to) { to.note(note.createdAt, note.text); });
}

std::vector<std::string> FileSession::notes() const
{
    std::vector<std::string> out;
    for (const StoredNote& note : m_state.notes)
        out.push_back(note.text);
    return out;
}

void FileSession::putArtefact(const Artefact& artefact)
{
    auto& all = m_state.artefacts;
    const auto place = std::lower_bound(all.begin(), all.end(), artefact,
                                        [](const Artefact& a, const Artefact& b) { return a.name < b.name; });
    if (place != all.end() && place->name == artefact.name)
        *place = artefact;
    else
        all.insert(place, artefact);
    push([artefact](Records& to) { to.artefact(artefact); });
}

void FileSession::setProperty(const std::string& key, const nlohmann::json& value)
{
    m_state.properties[key] = value;
    push([key, value](Records& to) { to.property(key, value); });
}

nlohmann::json FileSession::property(const std::string& key) const
{
    const auto found = m_state.properties.find(key);
    return found == m_state.properties.end() ? nlohmann::json() : found->second;
}

void FileSession::onWriteState(std::function<void(const Status&)> callback)
{
    m_onState = std::move(callback);
    if (m_queue)
        m_queue->onState(m_onState);
}

} // namespace

Result<std::unique_ptr<Session>> Session::create(const std::string& path)
{
    SessionState state;
    state.createdAt = utcNow();
    auto session = std::make_unique<FileSession>(path, std::move(state), false);
    if (!path.empty()) {
        LS_TRY(SessionFile file, createFile(path));
        session->writeTo(std::move(file));
    }
    return std::unique_ptr<Session>(std::move(session));
}

Result<std::unique_ptr<Session>> Session::open(const std::string& path, bool readOnly)
{
    if (readOnly) {
        LS_TRY(SessionState state, readFile(path));
        return std::unique_ptr<Session>(std::make_unique<FileSession>(path, std::move(state), true));
    }
    LS_TRY(auto opened, openFile(path));
    auto session = std::make_unique<FileSession>(path, std::move(opened.second), false);
    session->writeTo(std::move(opened.first));
    session->markInterrupted();
    return std::unique_ptr<Session>(std::move(session));
}

RunData* Session::latestRun()
{
    const auto all = runs();
    return all.empty() ? nullptr : all.back();
}

} // namespace ls
