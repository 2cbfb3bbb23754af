#include "ui/shell/workbench.h"

#include "core/protocol/codec.h"
#include "ui/client/engine_client.h"
#include "ui/shell/desk_command.h"

#include <QDateTime>
#include <QDir>
#include <QStandardPaths>
#include <QTimer>

#include <map>
#include <set>

namespace ls {

struct Workbench::Private {
    std::vector<Selection> history;
    std::map<std::uint32_t, ExperimentData*> experiments; ///< running or queued in the engine
    std::map<std::uint32_t, Desk> pending;                ///< SetMethods in flight -> desk as it was sent
    std::uint32_t newestSet = 0;                          ///< its answer decides the desk's state
    std::uint32_t opening = 0;
    std::set<std::uint32_t> elsewhere; ///< see answeredElsewhere()
    Desk accepted;                     ///< the last desk the engine agreed to
    MethodSet sentMethods;
    QTimer sendTimer; ///< at most 10 sets a second while a slider moves
    std::optional<ModelInfo> stored;
};

Workbench::Workbench(EngineClient* client, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>())
    , m_client(client)
{
    d->sendTimer.setSingleShot(true);
    d->sendTimer.setInterval(100);
    connect(&d->sendTimer, &QTimer::timeout, this, [this] { sendDesk(); });
    connect(client, &EngineClient::message, this, &Workbench::onMessage);
    connect(client, &EngineClient::died, this, &Workbench::onDied);
}

Workbench::~Workbench() = default;

Status Workbench::adopt(Result<std::unique_ptr<Session>> session)
{
    if (!session)
        return session.error();
    stop();
    m_generation = 0;
    d->experiments.clear();
    d->pending.clear();
    d->history.clear();
    m_run = nullptr;
    m_session = std::move(session).value();
    m_session->onWriteState([this](const Status& status) {
        QMetaObject::invokeMethod(
            this, [this, status] { Q_EMIT saveStateChanged(status); }, Qt::QueuedConnection);
    });
    m_undo.clear();
    m_selection = Selection{};
    m_run = m_session->latestRun();
    const nlohmann::json desk = m_session->property("desk");
    if (!desk.is_null() || !m_run)
        m_desk = deskFromJson(desk);
    else // recorded by the command line: the desk that makes this run
        m_desk = deskOf(m_run->currentMethods("B"));
    d->accepted = m_desk;
    d->stored.reset();
    if (m_run)
        d->stored = m_run->model;
    Q_EMIT sessionChanged();
    Q_EMIT modelChanged();
    Q_EMIT deskChanged();
    Q_EMIT runChanged();
    Q_EMIT selectionChanged();
    Q_EMIT generationStateChanged();
    return success();
}

Status Workbench::newSession(const QString& path)
{
    QString file = path;
    if (file.isEmpty()) {
        const QDir folder(QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) +
                          QStringLiteral("/sessions"));
        if (!folder.mkpath(QStringLiteral(".")))
            return Error{Errc::FileNotWritable, tr("The session folder cannot be created.").toStdString(),
                         tr("Check its permissions.").toStdString(), folder.path().toStdString()};
        const QString stem = QDateTime::currentDateTime().toString(QStringLiteral("yyyy-MM-dd HH-mm-ss-zzz"));
        file = folder.filePath(stem + QStringLiteral(".lsdb"));
    }
    return adopt(Session::create(file.toStdString()));
}

Status Workbench::openSession(const QString& path, bool readOnly)
{
    return adopt(Session::open(path.toStdString(), readOnly));
}

Status Workbench::saveSessionAs(const QString& path)
{
    if (!m_session)
        return Error{Errc::FileNotFound, tr("No session is open.").toStdString(), {}, {}};
    LS_CHECK(m_session->saveAs(path.toStdString()));
    Q_EMIT saveStateChanged(success());
    return success();
}

void Workbench::openModel(const QString& path, const QString& device, const QString& dtype, int contextLength)
{
    OpenModel open;
    open.requestId = m_client->nextRequestId();
    open.path = path.toStdString();
    open.device = device.toStdString();
    open.dtype = dtype.toStdString();
    open.contextLength = contextLength;
    d->opening = open.requestId;
    if (m_client->state() == EngineClient::State::Stopped || m_client->state() == EngineClient::State::Died)
        m_client->start();
    if (m_client->send(open))
        Q_EMIT modelProgress(tr("opening"), 0, 0);
}

bool Workbench::openingModel() const
{
    return d->opening != 0;
}

const std::optional<ModelInfo>& Workbench::model() const
{
    return m_client->model() ? m_client->model() : d->stored;
}

void Workbench::answeredElsewhere(std::uint32_t requestId)
{
    d->elsewhere.insert(requestId);
}

void Workbench::showRun(RunData* run)
{
    if (run == m_run)
        return;
    m_run = run;
    Q_EMIT runChanged();
}

void Workbench::generate(const RunSpec& wanted)
{
    if (!m_client->model()) {
        Q_EMIT problem({Errc::NotSupported,
                        tr("No model is open.").toStdString(),
                        tr("Open one with File > Open model.").toStdString(),
                        {}});
        return;
    }
    if (m_generation != 0)
        stop();
    if (!m_session || m_session->readOnly()) {
        if (const Status status = newSession({}); !status) {
            Q_EMIT problem(status.error());
            return;
        }
    }
    RunSpec spec = wanted;
    Generate request;
    request.requestId = m_client->nextRequestId();
    request.prompt = spec.prompt;
    request.sampler = spec.sampler;
    request.maxTokens = spec.maxTokens;
    request.ignoreEos = spec.ignoreEos;
    request.lanes = spec.lanes;
    request.probes = spec.probes;
    if (!m_client->send(request)) {
        Q_EMIT problem(
            {Errc::EngineDied, tr("The engine is not running.").toStdString(), tr("Restart it.").toStdString(), {}});
        return;
    }
    m_generation = request.requestId;
    d->sentMethods = enabledMethods(m_desk);
    m_run = &m_session->startRun(std::move(spec), *m_client->model());
    m_run->running = true;
    m_selection.position = -1;
    Q_EMIT runChanged();
    Q_EMIT selectionChanged();
    Q_EMIT generationStateChanged();
}

void Workbench::stop()
{
    if (m_generation != 0)
        m_client->send(Cancel{m_client->nextRequestId(), m_generation});
}

void Workbench::setPaused(bool paused)
{
    if (m_generation != 0)
        m_client->send(Pause{m_client->nextRequestId(), m_generation, paused});
}

void Workbench::changeDesk(const QString& what, Desk desk, bool merge)
{
    if (desk != m_desk)
        m_undo.push(new DeskCommand(this, what, m_desk, std::move(desk), merge));
}

void Workbench::applyDesk(const Desk& desk)
{
    m_desk = desk;
    if (m_session && !m_session->readOnly())
        m_session->setProperty("desk", deskToJson(m_desk));
    Q_EMIT deskChanged();
    if (m_client->model() && !d->sendTimer.isActive())
        d->sendTimer.start();
}

void Workbench::sendDesk()
{
    MethodSet methods = enabledMethods(m_desk);
    if (methods == d->sentMethods)
        return;
    SetMethods set;
    set.requestId = m_client->nextRequestId();
    set.methods = methods;
    for (const DeskCard& card : m_desk) // the strictest policy asked for by a card that is on
        if (card.enabled && card.policy != QLatin1String("auto"))
            set.policy = card.policy.toStdString();
    if (!m_client->send(set))
        return;
    d->sentMethods = std::move(methods);
    // A second toggle before the answer replaces the first on the desk, but the first one's Applied still tells what
    // the tokens in between were made under.
    d->pending[set.requestId] = m_desk;
    d->newestSet = set.requestId;
    Q_EMIT deskPending(true);
}

void Workbench::setCardFolded(int card, bool folded)
{
    if (card < 0 || card >= int(m_desk.size()) || m_desk[std::size_t(card)].folded == folded)
        return;
    m_desk[std::size_t(card)].folded = folded;
    Q_EMIT deskChanged();
}

void Workbench::select(const Selection& selection)
{
    if (selection == m_selection)
        return;
    d->history.push_back(m_selection);
    m_selection = selection;
    Q_EMIT selectionChanged();
}

void Workbench::selectBack()
{
    if (d->history.empty())
        return;
    m_selection = d->history.back();
    d->history.pop_back();
    Q_EMIT selectionChanged();
}

ExperimentData* Workbench::runExperiment(const QString& kind, const nlohmann::json& params)
{
    if (!m_client->model()) {
        Q_EMIT problem({Errc::NotSupported,
                        tr("No model is open.").toStdString(),
                        tr("Open one with File > Open model.").toStdString(),
                        {}});
        return nullptr;
    }
    if (!m_session || m_session->readOnly()) {
        if (const Status status = newSession({}); !status) {
            Q_EMIT problem(status.error());
            return nullptr;
        }
    }
    RunExperiment request{m_client->nextRequestId(), kind.toStdString(), params};
    if (!m_client->send(request))
        return nullptr;
    // Data sets are large and known by name; what is stored is enough to ask again.
    ExperimentData& experiment = m_session->startExperiment(request.kind, params, *m_client->model());
    experiment.state = "running";
    d->experiments[request.requestId] = &experiment;
    Q_EMIT experimentChanged(&experiment);
    return &experiment;
}

void Workbench::cancelExperiment(ExperimentData* experiment)
{
    for (const auto& [id, running] : d->experiments)
        if (running == experiment)
            m_client->send(Cancel{m_client->nextRequestId(), id});
}

ExperimentData* Workbench::latestExperiment(const QString& kind) const
{
    ExperimentData* latest = nullptr;
    if (m_session)
        for (ExperimentData* experiment : m_session->experiments())
            if (experiment->kind == kind.toStdString())
                latest = experiment;
    return latest;
}

void Workbench::onMessage(const EngineMessage& message)
{
    const std::uint32_t id = requestIdOf(message);
    if (d->elsewhere.erase(id) > 0)
        return;
    if (const auto* ready = std::get_if<ModelReady>(&message)) {
        d->opening = 0;
        d->stored = ready->info;
        d->sentMethods.clear();
        if (!m_session)
            if (const Status status = newSession({}); !status)
                Q_EMIT problem(status.error());
        Q_EMIT modelChanged();
        return;
    }
    if (std::holds_alternative<ModelClosed>(message)) {
        Q_EMIT modelChanged();
        return;
    }
    if (const auto* progress = std::get_if<Progress>(&message)) {
        if (const auto found = d->experiments.find(id); found != d->experiments.end()) {
            m_session->record(*found->second, message);
            Q_EMIT experimentChanged(found->second);
        } else {
            Q_EMIT modelProgress(QString::fromStdString(progress->stage), progress->done, progress->total);
        }
        return;
    }
    if (d->pending.contains(id)) {
        onToggleAnswer(message);
        return;
    }
    if (const auto found = d->experiments.find(id); found != d->experiments.end()) {
        onExperiment(message, found->second);
        return;
    }
    if (m_generation != 0 && (id == m_generation || std::holds_alternative<Memory>(message)))
        onGeneration(message);
    else if (const auto* failure = std::get_if<Failed>(&message); failure && failure->code != "cancelled") {
        if (id == d->opening) {
            d->opening = 0;
            Q_EMIT modelProgress({}, 0, 0); // it opens no longer
        }
        Q_EMIT problem(failure->error());
    }
}

void Workbench::onToggleAnswer(const EngineMessage& message)
{
    const std::uint32_t id = requestIdOf(message);
    const auto* applied = std::get_if<Applied>(&message);
    const auto* unavailable = std::get_if<Unavailable>(&message);
    const auto* failure = std::get_if<Failed>(&message);
    if (!applied && !unavailable && !failure)
        return;
    const Desk sent = std::move(d->pending[id]);
    d->pending.erase(id);
    const bool newest = id == d->newestSet;
    if (applied) {
        d->accepted = sent;
        if (RunData* run = liveRun(); run && applied->generation == m_generation) {
            m_session->record(*run, message);
            if (run == m_run)
                Q_EMIT toggled({applied->lane, applied->position, applied->policy, applied->costUs, applied->methods});
        }
        if (newest)
            Q_EMIT deskPending(false);
        return;
    }
    if (!newest)
        return; // a later set is on its way; its answer counts
    // The engine names the index among the methods sent; the desk also holds cards that are off.
    int card = -1;
    if (unavailable)
        for (int i = 0, on = 0; i < int(sent.size()); ++i)
            if (sent[std::size_t(i)].enabled && on++ == unavailable->method)
                card = i;
    const Error why = unavailable ? unavailable->error() : failure->error();
    d->sentMethods = enabledMethods(d->accepted);
    if (card >= 0)
        takeBack(sent, card);
    Q_EMIT deskPending(false);
    if (card >= 0)
        Q_EMIT cardRefused(card, why);
    else
        Q_EMIT problem(why);
}

void Workbench::takeBack(const Desk& sent, int card)
{
    // The command that asked for it goes from the stack, as if it had not been given; after other changes in between,
    // a command of its own switches the card off.
    const auto* last = dynamic_cast<const DeskCommand*>(m_undo.command(m_undo.index() - 1));
    if (last && enabledMethods(last->after()) == enabledMethods(sent)) {
        m_refusing = true;
        m_undo.undo();
        m_refusing = false;
        return;
    }
    Desk off = m_desk;
    if (card < int(off.size()) && off[std::size_t(card)].key == sent[std::size_t(card)].key) {
        off[std::size_t(card)].enabled = false;
        changeDesk(tr("Switch off what was refused"), std::move(off));
    }
}

void Workbench::onExperiment(const EngineMessage& message, ExperimentData* experiment)
{
    const std::uint32_t id = requestIdOf(message);
    m_session->record(*experiment, message);
    if (const auto* tensor = std::get_if<Tensor>(&message)) {
        Artefact artefact;
        artefact.name = experiment->kind + "/" + tensor->name;
        artefact.kind = "tensor";
        artefact.meta = {{"dtype", tensor->value.dtype}, {"shape", tensor->value.shape}};
        artefact.bytes = tensor->value.bytes;
        m_session->putArtefact(artefact);
    } else if (std::holds_alternative<ExperimentDone>(message)) {
        m_session->endExperiment(*experiment, "done", {});
        d->experiments.erase(id);
    } else if (const auto* failure = std::get_if<Failed>(&message)) {
        const bool cancelled = failure->code == "cancelled";
        m_session->endExperiment(*experiment, cancelled ? "cancelled" : "failed",
                                 cancelled ? std::nullopt : std::optional(failure->error()));
        d->experiments.erase(id);
    }
    Q_EMIT experimentChanged(experiment);
}

void Workbench::onGeneration(const EngineMessage& message)
{
    if (!liveRun())
        return;
    RunData& run = *liveRun();
    m_session->record(run, message);
    if (const auto* token = std::get_if<Token>(&message)) {
        if (m_run == &run)
            Q_EMIT runAppended(QString::fromStdString(token->lane), token->position);
    } else if (const auto* tap = std::get_if<Tap>(&message)) {
        if (m_run == &run)
            Q_EMIT runAppended(QString::fromStdString(tap->lane), tap->position);
    } else if (std::holds_alternative<Memory>(message)) {
        Q_EMIT memoryChanged();
    } else if (const auto* failure = std::get_if<Failed>(&message)) {
        m_session->failRun(run, failure->error());
        m_generation = 0;
        if (failure->code != "cancelled")
            Q_EMIT problem(failure->error());
        Q_EMIT generationStateChanged();
    } else if (std::holds_alternative<GenerationDone>(message)) {
        m_session->finishRun(run);
        m_generation = 0;
        Q_EMIT generationStateChanged();
        Q_EMIT metricsChanged();
    } else if (m_run == &run) {
        Q_EMIT runAppended(QString(), -1);
    }
}

RunData* Workbench::liveRun() const
{
    return m_session && m_generation != 0 ? m_session->latestRun() : nullptr;
}

void Workbench::onDied(const Error& error)
{
    if (RunData* run = liveRun()) {
        m_session->failRun(*run, error);
        m_generation = 0;
    }
    for (const auto& [id, experiment] : d->experiments) {
        m_session->endExperiment(*experiment, "interrupted", error);
        Q_EMIT experimentChanged(experiment);
    }
    d->experiments.clear();
    d->pending.clear();
    d->sentMethods.clear();
    Q_EMIT deskPending(false);
    Q_EMIT generationStateChanged();
    Q_EMIT modelChanged();
    Q_EMIT problem(error);
}

} // namespace ls
