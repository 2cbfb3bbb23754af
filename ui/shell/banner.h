#pragma once

#include "core/error.h"

#include <QFrame>

class QLabel;
class QPushButton;

namespace ls {

/// Problems without a place of their own: what, why, what next. objectNames banner.text .restart .copy .dismiss.
class Banner : public QFrame {
    Q_OBJECT
public:
    explicit Banner(QWidget* parent = nullptr);
    void showProblem(const Error& error, bool canRestart);
    /// The engine answers again: takes back what was said about its absence, and nothing else.
    void engineReady();

Q_SIGNALS:
    void restartRequested();
    void visibilityChanged(bool visible);

private:
    Error m_error;
    QLabel* m_text;
    QPushButton* m_restart;
};

} // namespace ls
