#include "ui/client/engine_client.h"

#include "core/protocol/codec.h"
#include "core/protocol/framing.h"

#include <QDateTime>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTimer>

#include <csignal>
#include <deque>

namespace ls {

namespace {
constexpr int kTurnMs = 8;    // decoding per event-loop turn
constexpr int kLogLines = 40; // stderr kept for the reason of a death
constexpr int kQuitMs = 2000; // after stdin is closed
constexpr qint64 kReadBytes = 1 << 20;
} // namespace

struct EngineClient::Private {
    QString program;
    QStringList arguments;
    std::unique_ptr<QProcess> process;
    FrameReader reader;
    QTimer more; // decoding goes on in the next turn
    std::vector<ClientMessage> queued;
    std::optional<OpenModel> lastModel, goodModel; ///< asked for last; opened last
    std::deque<QByteArray> log;
    QFile recording;
    QElapsedTimer clock;
    bool quitting = false;

    void record(const char* direction, const std::string& line)
    {
        if (!recording.isOpen())
            return;
        recording.write(QByteArray::number(clock.nsecsElapsed() / 1000) + ' ' + direction + ' ' +
                        QByteArray::fromStdString(line) + '\n');
        recording.flush();
    }
};

EngineClient::EngineClient(QString program, QStringList arguments, QObject* parent)
    : QObject(parent)
    , d(std::make_unique<Private>())
{
    d->program = std::move(program);
    d->arguments = std::move(arguments);
    d->clock.start();
    d->more.setSingleShot(true);
    connect(&d->more, &QTimer::timeout, this, &EngineClient::readOutput);
}

EngineClient::~EngineClient()
{
    d->quitting = true;
    if (d->process && d->process->state() != QProcess::NotRunning) {
        d->process->disconnect(this);
        d->process->closeWriteChannel(); // the engine exits when its input closes
        if (!d->process->waitForFinished(kQuitMs)) {
            d->process->kill();
            d->process->waitForFinished(kQuitMs);
        }
    }
}

qint64 EngineClient::processId() const
{
    return d->process ? d->process->processId() : 0;
}

void EngineClient::setRecording(const QString& path)
{
    d->recording.close();
    if (path.isEmpty())
        return;
    d->recording.setFileName(path);
    if (!d->recording.open(QIODevice::WriteOnly | QIODevice::Truncate))
        qWarning("recording %s cannot be written: %s", qUtf8Printable(path),
                 qUtf8Printable(d->recording.errorString()));
}

void EngineClient::start()
{
    if (m_state == State::Starting || m_state == State::Ready)
        return;
    d->process = std::make_unique<QProcess>();
    d->reader = FrameReader{};
    d->queued.clear();
    d->log.clear();
    m_ready.reset();
    m_model.reset();
    QProcess* process = d->process.get();
    connect(process, &QProcess::readyReadStandardOutput, this, &EngineClient::readOutput);
    connect(process, &QProcess::readyReadStandardError, this, [this, process] {
        for (const QByteArray& line : process->readAllStandardError().split('\n')) {
            if (!line.isEmpty())
                d->log.push_back(line);
            if (d->log.size() > kLogLines)
                d->log.pop_front();
        }
    });
    connect(process, &QProcess::errorOccurred, this, [this, process](QProcess::ProcessError error) {
        if (error != QProcess::FailedToStart)
            return; // a crash arrives as finished()
        setState(State::Died);
        Q_EMIT died({Errc::EngineMissing,
                     tr("The engine could not be started: %1").arg(process->errorString()).toStdString(),
                     tr("Check that %1 exists and can be run, then restart.").arg(d->program).toStdString(),
                     d->program.toStdString()});
    });
    connect(process, &QProcess::finished, this,
            [this](int code, QProcess::ExitStatus status) { onFinished(code, status == QProcess::CrashExit); });
    setState(State::Starting);
    process->start(d->program, d->arguments);
    const ClientMessage hello = Hello{kProtocolVersion, "layerscope " LAYERSCOPE_VERSION};
    const auto bytes = frame(encode(hello));
    d->record(">", logLine(hello));
    process->write(reinterpret_cast<const char*>(bytes.data()), qint64(bytes.size()));
}

void EngineClient::restart()
{
    const auto last = d->lastModel;
    start();
    if (last) {
        OpenModel again = *last;
        again.requestId = nextRequestId();
        send(again);
    }
}

bool EngineClient::send(const ClientMessage& message)
{
    if (const auto* open = std::get_if<OpenModel>(&message))
        d->lastModel = *open; // also while stopped: a restart opens what the user asked for last
    if (m_state == State::Starting) {
        d->queued.push_back(message);
        return true;
    }
    if (m_state != State::Ready)
        return false;
    d->record(">", logLine(message));
    const auto bytes = frame(encode(message));
    d->process->write(reinterpret_cast<const char*>(bytes.data()), qint64(bytes.size()));
    return true;
}

void EngineClient::readOutput()
{
    if (!d->process)
        return;
    QElapsedTimer turn;
    turn.start();
    for (;;) {
        auto payload = d->reader.next();
        if (!payload) {
            Error error = payload.error();
            d->process->disconnect(this);
            d->process->kill();
            setState(State::Died);
            Q_EMIT died(error);
            return;
        }
        if (!payload.value()) {
            const QByteArray bytes = d->process->read(kReadBytes);
            if (bytes.isEmpty())
                return;
            d->reader.append({reinterpret_cast<const std::uint8_t*>(bytes.data()), std::size_t(bytes.size())});
            continue;
        }
        auto decoded = decodeEngineMessage(*payload.value());
        if (!decoded) {
            d->record("<", "undecodable: " + decoded.error().message);
            Q_EMIT failed(0, decoded.error());
        } else {
            handle(decoded.value());
        }
        if (!d->process || m_state == State::Died)
            return;
        if (turn.elapsed() >= kTurnMs) { // input events first, then the rest
            d->more.start(0);
            return;
        }
    }
}

void EngineClient::handle(const EngineMessage& received)
{
    d->record("<", logLine(received));
    if (const auto* ready = std::get_if<Ready>(&received)) {
        m_ready = *ready;
        setState(State::Ready);
        std::vector<ClientMessage> queued;
        queued.swap(d->queued);
        for (const ClientMessage& waiting : queued)
            send(waiting);
    } else if (const auto* model = std::get_if<ModelReady>(&received)) {
        m_model = model->info;
        d->goodModel = d->lastModel;
    } else if (std::holds_alternative<ModelClosed>(received)) {
        m_model.reset();
    } else if (const auto* refused = std::get_if<Failed>(&received);
               refused && d->lastModel && refused->requestId == d->lastModel->requestId) {
        d->lastModel = d->goodModel; // a restart opens what was there before the file that failed
    }
    Q_EMIT message(received);
    if (const auto* model = std::get_if<ModelReady>(&received))
        Q_EMIT modelReady(model->info);
    if (const auto* failure = std::get_if<Failed>(&received))
        Q_EMIT failed(failure->requestId, failure->error());
}

void EngineClient::onFinished(int code, bool crashed)
{
    if (d->quitting)
        return;
    // What is still in the pipe was computed and is shown: nothing is lost with the process.
    while (d->process->bytesAvailable() > 0 || d->reader.pending() > 0) {
        const std::size_t before = d->reader.pending();
        const qint64 available = d->process->bytesAvailable();
        readOutput();
        if (m_state == State::Died)
            return;
        if (d->reader.pending() == before && d->process->bytesAvailable() == available)
            break;
    }
    d->more.stop();
    QString detail;
    for (const QByteArray& line : d->log)
        detail += QString::fromUtf8(line) + QLatin1Char('\n');
    QString why = tr("it ended with exit code %1").arg(code);
    QString hint = tr("Restart it; the session holds everything that was shown.");
    if (crashed && code == SIGKILL) {
        why = tr("it was killed, most often because memory ran out");
        hint = tr("Restart it; choose a smaller context or model if it happens again.");
    } else if (crashed && code == SIGBUS) { // of a mapped file
        why = tr("a file that it was reading became shorter, or its disk failed");
        hint = tr("Check the model file: is it still being copied? Then restart it.");
    } else if (crashed) {
        why = tr("it crashed with signal %1").arg(code);
    }
    setState(State::Died);
    Q_EMIT died({Errc::EngineDied, tr("The engine stopped: %1.").arg(why).toStdString(), hint.toStdString(),
                 detail.toStdString()});
}

void EngineClient::setState(State state)
{
    if (m_state == state)
        return;
    m_state = state;
    Q_EMIT stateChanged(state);
}

} // namespace ls
