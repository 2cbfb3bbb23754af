#pragma once

#include "core/protocol/messages.h"

#include <QObject>

namespace ls {

class Workbench;

/// Asks the engine what a model file holds. Only the newest question counts: an earlier one is cancelled, and its
/// answer is dropped. Nothing waits.
class ModelInspection : public QObject {
    Q_OBJECT
public:
    explicit ModelInspection(Workbench* workbench, QObject* parent = nullptr);
    ~ModelInspection() override;
    void ask(const QString& path); ///< starts the engine where it does not run
    void cancel();
    bool asking() const { return m_request != 0; }
    const QString& path() const { return m_path; } ///< asked for last

Q_SIGNALS:
    void found(const nlohmann::json& info);
    void failed(const ls::Error& error);

private:
    void onMessage(const EngineMessage& message);
    Workbench* m_workbench;
    std::uint32_t m_request = 0;
    QString m_path;
};

} // namespace ls
