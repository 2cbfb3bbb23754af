#pragma once

#include "core/error.h"

#include <QFrame>
#include <QString>

class QLabel;
class QToolButton;
class QHBoxLayout;
class QStackedLayout;

namespace ls {

class Workbench;

/// The frame all panels share: title, origin chip, options, copy, export, help; body; message with a button.
/// objectName panel.<id>; parts panel.<id>.title .state .copy .export .help .update .message (workbench-ui section 10).
class Panel : public QFrame {
    Q_OBJECT
    Q_PROPERTY(QString state READ stateName NOTIFY stateChanged)
public:
    enum class State { Empty, Loading, Live, Captured, Stale, Error, Unavailable };
    Panel(const QString& id, const QString& title, Workbench* workbench, QWidget* parent = nullptr);

    State state() const { return m_state; }
    QString stateName() const; ///< "empty", "loading", ...
    /// text: the sentence of the state; button: what helps (empty = none), reported by actionRequested().
    void setState(State state, const QString& text = {}, const QString& button = {});
    void showError(const Error& error);
    void setContent(QWidget* content);
    void addOption(QWidget* widget); ///< into the header, before copy

    /// What copy and export give; the default is nothing. Dot decimals, a provenance line is added.
    virtual QString tableAsTsv() const { return {}; }

Q_SIGNALS:
    void stateChanged();
    void actionRequested(); ///< the message's button, or Update
    void helpRequested(const QString& id);

protected:
    Workbench* workbench() const { return m_workbench; }

private:
    QString m_id;
    Workbench* m_workbench;
    State m_state = State::Empty;
    QLabel* m_chip = nullptr;
    QLabel* m_message = nullptr;
    QWidget* m_content = nullptr;
    QHBoxLayout* m_options = nullptr;
    QStackedLayout* m_stack = nullptr;
};

} // namespace ls
