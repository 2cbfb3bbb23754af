#pragma once

#include "core/session/session.h"
#include "core/spec/method_schema.h"
#include "ui/desk/desk.h"

#include <QObject>
#include <QUndoStack>

#include <memory>
#include <optional>

/// What the window's parts share: engine, session, methods desk, linked selection. Parts talk through its signals and
/// never to each other. All on the GUI thread.
namespace ls {

class EngineClient;

/// One linked selection for the whole window.
struct Selection {
    QString lane = QStringLiteral("A");
    int position = -1; ///< token, -1 = follow the newest
    int block = -1;    ///< 0-based, -1 = none
    int head = -1;
    bool operator==(const Selection&) const = default;
};

class Workbench : public QObject {
    Q_OBJECT
public:
    explicit Workbench(EngineClient* client, QObject* parent = nullptr);
    ~Workbench() override;

    EngineClient* client() const { return m_client; }
    Session* session() const { return m_session.get(); }
    QUndoStack* undoStack() { return &m_undo; }

    // session
    Status newSession(const QString& path); ///< empty path: a file in the autosave folder
    Status openSession(const QString& path, bool readOnly = false);
    Status saveSessionAs(const QString& path);

    // model
    /// A request whose answer another part shows: its failure is no problem of the window.
    void answeredElsewhere(std::uint32_t requestId);
    void openModel(const QString& path, const QString& device, const QString& dtype, int contextLength = 0);
    bool openingModel() const;                     ///< asked for and neither there nor refused
    const std::optional<ModelInfo>& model() const; ///< the open one, or that of the reopened run

    // the run in view: the live one, or a stored one
    RunData* run() const { return m_run; }
    void showRun(RunData* run);
    bool generating() const { return m_generation != 0; }
    void generate(const RunSpec& spec);
    void stop();
    void setPaused(bool paused);

    // desk: every change is one undo command holding the whole desk before and after
    const Desk& desk() const { return m_desk; }
    void changeDesk(const QString& what, Desk desk, bool merge = false);
    void setCardFolded(int card, bool folded);   ///< how it looks is not part of the analysis: no undo command
    bool refusing() const { return m_refusing; } ///< while a refused change is taken back

    // selection, with history (Alt+Left)
    const Selection& selection() const { return m_selection; }
    void select(const Selection& selection);
    void selectBack();

    // experiments: queued one after the other in the engine; live lanes go first
    /// Starts an experiment and returns its stored data; rows arrive through experimentChanged.
    ExperimentData* runExperiment(const QString& kind, const nlohmann::json& params);
    void cancelExperiment(ExperimentData* experiment);
    /// The newest experiment of a kind, finished or not; null if there is none.
    ExperimentData* latestExperiment(const QString& kind) const;

Q_SIGNALS:
    void sessionChanged(); ///< another session; every view refills
    void modelChanged();   ///< opened or closed
    void modelProgress(const QString& stage, double done, double total);
    void runChanged(); ///< another run is in view
    void runAppended(const QString& lane,
                     int position); ///< token or tap of the run in view; views mark themselves dirty
    void toggled(const ls::ToggleData& toggle);
    void generationStateChanged();
    void deskChanged();
    void cardRefused(int card, const ls::Error& error); ///< index into desk()
    void deskPending(bool pending);                     ///< a set was sent, no answer yet
    void selectionChanged();
    void experimentChanged(ls::ExperimentData* experiment);
    void metricsChanged();
    void memoryChanged();
    void saveStateChanged(const ls::Status& status);
    void problem(const ls::Error& error); ///< for the banner

private:
    friend class DeskCommand;
    void applyDesk(const Desk& desk);
    void sendDesk();
    Status adopt(Result<std::unique_ptr<Session>> session);
    RunData* liveRun() const; ///< the one being generated, whichever is in view
    void onMessage(const EngineMessage& message);
    void onToggleAnswer(const EngineMessage& message);
    void takeBack(const Desk& sent, int card);
    void onExperiment(const EngineMessage& message, ExperimentData* experiment);
    void onGeneration(const EngineMessage& message);
    void onDied(const Error& error);
    struct Private;
    std::unique_ptr<Private> d;
    EngineClient* m_client;
    std::unique_ptr<Session> m_session;
    QUndoStack m_undo;
    RunData* m_run = nullptr;
    std::uint32_t m_generation = 0;
    bool m_refusing = false;
    Desk m_desk;
    Selection m_selection;
};

} // namespace ls
