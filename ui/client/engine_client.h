#pragma once

#include "core/protocol/messages.h"

#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>
#include <optional>

class QProcess;

/// Starts the engine program and speaks the protocol with it. Lives on the GUI thread; reading and decoding are cheap
/// and bounded per event-loop turn, so that a burst of taps cannot hold up the window.
namespace ls {

class EngineClient : public QObject {
    Q_OBJECT
public:
    enum class State { Stopped, Starting, Ready, Died };
    Q_ENUM(State)

    /// program: the engine next to the desktop's own program, or a fake one in tests, or "ssh".
    explicit EngineClient(QString program, QStringList arguments = {}, QObject* parent = nullptr);
    ~EngineClient() override; ///< closes the engine's stdin; ends it if it has not gone within 2 s

    State state() const { return m_state; }
    qint64 processId() const;
    const std::optional<Ready>& ready() const { return m_ready; }
    const std::optional<ModelInfo>& model() const { return m_model; }
    /// Name of a recording file ("" = none): every message both ways with its time, for bug reports and tests.
    void setRecording(const QString& path);

    std::uint32_t nextRequestId() { return ++m_lastRequest; }
    /// Queued until Ready; false (with nothing queued) when the engine is not running.
    bool send(const ClientMessage& message);

public Q_SLOTS:
    void start();
    void restart(); ///< after a death: starts again and opens the last model

Q_SIGNALS:
    void stateChanged(ls::EngineClient::State state);
    void message(const ls::EngineMessage& message); ///< every message, in order
    void modelReady(const ls::ModelInfo& info);
    void failed(std::uint32_t requestId, const ls::Error& error);
    /// The process ended by itself; the error says why (out of memory, crash, protocol) in the user's words.
    void died(const ls::Error& error);

private:
    void readOutput();
    void handle(const EngineMessage& message);
    void onFinished(int code, bool crashed);
    void setState(State state);

    struct Private;
    std::unique_ptr<Private> d;
    State m_state = State::Stopped;
    std::optional<Ready> m_ready;
    std::optional<ModelInfo> m_model;
    std::uint32_t m_lastRequest = 0;
};

} // namespace ls
