#pragma once

#include "core/error.h"

#include <QFrame>
#include <QString>

class QLabel;
class QToolButton;
class QHBoxLayout;
class QStackedLayout;
class QVBoxLayout;

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

    const QString& id() const { return m_id; }
    QString title() const;
    QWidget* head() const { return m_head; } ///< becomes the title bar of the panel's dock
    State state() const { return m_state; }
    QString stateName() const; ///< "empty", "loading", ...
    /// text: the sentence of the state; button: what helps (empty = none), reported by actionRequested().
    void setState(State state, const QString& text = {}, const QString& button = {});
    void showError(const Error& error);
    void setContent(QWidget* content);
    void addOption(QWidget* widget); ///< into the header, before copy
    void setStrip(QWidget* strip);   ///< above the body, in every state
    void setFooter(QWidget* footer); ///< below the body, in every state
    void setHelp(const QString& text);
    void hideTableButtons(); ///< for panels without a table

    /// What copy and export give; the default is nothing. Dot decimals.
    virtual QString tableAsTsv() const { return {}; }
    /// tableAsTsv() under a line that says where the numbers come from.
    QString exportText() const;

Q_SIGNALS:
    void stateChanged();
    void actionRequested(); ///< the message's button, or Update
    void themeChanged();    ///< plots draw their own colours, so panels with plots refresh

protected:
    void changeEvent(QEvent* event) override;
    Workbench* workbench() const { return m_workbench; }
    /// Model, device, run and methods of what is shown: the line that every copy and export starts with.
    virtual QString provenance() const;

private:
    void exportTable();

    QString m_id;
    QString m_help;
    Workbench* m_workbench;
    State m_state = State::Empty;
    QWidget* m_head = nullptr;
    QLabel* m_title = nullptr;
    QLabel* m_chip = nullptr;
    QLabel* m_message = nullptr;
    QWidget* m_content = nullptr;
    QHBoxLayout* m_options = nullptr;
    QStackedLayout* m_stack = nullptr;
    QVBoxLayout* m_layout = nullptr;
    QWidget* m_body = nullptr;
};

} // namespace ls
