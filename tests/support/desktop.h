#pragma once

#include "ui/client/engine_client.h"
#include "ui/shell/main_window.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QAbstractButton>
#include <QAction>
#include <QDialog>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QStandardPaths>
#include <QStyleFactory>
#include <QTest>
#include <QTimer>

#include <algorithm>

/// The real window, driven by object names as a user drives it by eye.
namespace ls::test {

/// Settings, sessions and caches of a test go into folders of their own; looks as the program's.
inline void prepareApplication()
{
    QStandardPaths::setTestModeEnabled(true);
    QApplication::setApplicationName(QStringLiteral("layerscope-test"));
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    theme::setMode(theme::Mode::Light);
}

/// Longest time the event loop did not come round, measured by a timer of 5 ms.
class Watchdog : public QObject {
public:
    Watchdog()
    {
        m_timer.setTimerType(Qt::PreciseTimer);
        QObject::connect(&m_timer, &QTimer::timeout, this, [this] {
            m_longestMs = std::max(m_longestMs, double(m_clock.nsecsElapsed()) / 1e6 - m_timer.interval());
            m_clock.restart();
        });
    }
    void start()
    {
        m_longestMs = 0;
        m_clock.start();
        m_timer.start(5);
    }
    double stop()
    {
        m_timer.stop();
        return m_longestMs;
    }

private:
    QTimer m_timer;
    QElapsedTimer m_clock;
    double m_longestMs = 0;
};

struct Desktop {
    explicit Desktop(const QString& engine, const QStringList& arguments = {}, QSize size = {1600, 1000})
        : client(engine, arguments)
        , workbench(&client)
        , window(&workbench)
    {
        window.resize(size);
        window.show();
    }
    template <typename T>
    T* find(const QString& name)
    {
        return window.findChild<T*>(name);
    }
    /// Clicks with the mouse, when the button can be used.
    bool click(const QString& name, int waitMs = 20000)
    {
        const bool there = QTest::qWaitFor(
            [&] {
                auto* button = find<QAbstractButton>(name);
                return button && button->isEnabled();
            },
            waitMs);
        if (!there) {
            qWarning("%s is missing or disabled", qPrintable(name));
            return false;
        }
        find<QAbstractButton>(name)->click();
        return true;
    }
    bool trigger(const QString& action)
    {
        auto* found = find<QAction>(action);
        if (!found || !found->isEnabled()) {
            qWarning("%s is missing or disabled", qPrintable(action));
            return false;
        }
        found->trigger();
        return true;
    }
    /// Through the dialog: File > Open model, path, Load.
    bool openModel(const QString& path)
    {
        if (!trigger(QStringLiteral("action.openModel")))
            return false;
        auto* edit = find<QLineEdit>(QStringLiteral("open.path"));
        if (!edit)
            return false;
        edit->setText(path);
        QTest::keyClick(edit, Qt::Key_Return);
        return click(QStringLiteral("open.load")) &&
               QTest::qWaitFor([this] { return client.model().has_value(); }, 60000);
    }
    /// Writes into a line edit and leaves it, as typing and Return do.
    bool type(const QString& name, const QString& text)
    {
        auto* edit = find<QLineEdit>(name);
        if (!edit)
            return false;
        edit->setFocus();
        edit->selectAll();
        QTest::keyClicks(edit, text);
        QTest::keyClick(edit, Qt::Key_Return);
        return true;
    }
    bool waitForEnd(int ms = 120000)
    {
        return QTest::qWaitFor([this] { return !workbench.generating(); }, ms);
    }
    EngineClient client;
    Workbench workbench;
    MainWindow window;
};

} // namespace ls::test
