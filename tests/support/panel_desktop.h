#pragma once

#include "ui/client/engine_client.h"
#include "ui/shell/main_window.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QDir>
#include <QFile>
#include <QLabel>
#include <QStandardPaths>
#include <QStyleFactory>
#include <QTemporaryDir>
#include <QTest>

/// The window against an engine without a model, for tests of its panels.
namespace ls::test {

inline void prepareDesktop()
{
    QStandardPaths::setTestModeEnabled(true);
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    theme::setMode(theme::Mode::Light);
}

struct Desktop {
    explicit Desktop(const QStringList& arguments = {}, QSize size = {1600, 1000})
        : client(QStringLiteral(LAYERSCOPE_FAKE_ENGINE), arguments)
        , workbench(&client)
        , window(&workbench)
    {
        window.resize(size);
        window.show();
    }
    template <typename T>
    T* find(const char* name)
    {
        return window.findChild<T*>(QLatin1String(name));
    }
    /// False (and nothing is clicked) when there is no such button or it stays disabled.
    bool click(const char* name)
    {
        auto* button = find<QAbstractButton>(name);
        if (!button || !QTest::qWaitFor([button] { return button->isEnabled(); }, 5000))
            return false;
        button->click();
        return true;
    }
    bool trigger(const char* action)
    {
        auto* found = find<QAction>(action);
        if (!found || !found->isEnabled())
            return false;
        found->trigger();
        return true;
    }
    QString text(const char* name)
    {
        const auto* label = find<QLabel>(name);
        return label ? label->text() : QStringLiteral("no label %1").arg(QLatin1String(name));
    }
    bool open()
    {
        const QString model = folder.filePath(QStringLiteral("fake.gguf"));
        QFile file(model);
        if (!file.open(QIODevice::WriteOnly) || file.write("not read by the fake engine") < 0)
            return false;
        file.close();
        workbench.openModel(model, QStringLiteral("cpu"), QStringLiteral("float32"));
        return QTest::qWaitFor([this] { return client.model().has_value(); }, 10000);
    }
    /// Runs an experiment to its end; null if it did not come to one.
    ExperimentData* run(const char* kind, const nlohmann::json& params)
    {
        ExperimentData* experiment = workbench.runExperiment(QLatin1String(kind), params);
        const bool ended =
            experiment && QTest::qWaitFor([experiment] { return experiment->state != "running"; }, 20000);
        return ended ? experiment : nullptr;
    }
    QTemporaryDir folder;
    EngineClient client;
    Workbench workbench;
    MainWindow window;
};

/// Visible buttons, boxes and one-line labels below `root` that got less room than they need.
inline QStringList cutOff(const QWidget* root)
{
    QStringList out;
    for (const QWidget* widget : root->findChildren<QWidget*>()) {
        const auto* label = qobject_cast<const QLabel*>(widget);
        const bool judged = qobject_cast<const QAbstractButton*>(widget) ||
                            (label && !label->wordWrap() && !label->text().isEmpty() && label->pixmap().isNull());
        if (judged && !widget->visibleRegion().isEmpty() && widget->width() + 1 < widget->minimumSizeHint().width())
            out << QStringLiteral("%1 (%2 of %3 px)")
                       .arg(widget->objectName())
                       .arg(widget->width())
                       .arg(widget->minimumSizeHint().width());
        if (judged && widget->isVisible() && widget->isVisibleTo(root) && widget->visibleRegion().isEmpty() &&
            !widget->size().isEmpty())
            out << QStringLiteral("%1 (hidden by its surroundings)").arg(widget->objectName());
    }
    return out;
}

} // namespace ls::test
