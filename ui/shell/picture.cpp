#include "ui/shell/picture.h"

#include "ui/models/metric_cache.h"
#include "ui/panels/report_pages.h"
#include "ui/panels/report_panel.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/main_window.h"

#include <QCoreApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QLayout>
#include <QPixmap>

namespace ls {

namespace {

Error notWritable(const QString& path)
{
    return {Errc::FileNotWritable,
            QCoreApplication::translate("picture", "%1 could not be written.").arg(path).toStdString(),
            QCoreApplication::translate("picture", "Choose another folder, or free some space.").toStdString(),
            {}};
}

/// The report's pages are made on another thread.
void waitForReport(const QWidget* window)
{
    constexpr int kLongest = 60'000; // ms; then the picture shows that it is still being made
    const auto* report = window->findChild<ReportPanel*>();
    QElapsedTimer timer;
    timer.start();
    while (report && report->isVisible() && report->busy() && timer.elapsed() < kLongest)
        QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
}

QPixmap draw(QWidget* window)
{
    for (int turn = 0; turn < 3; ++turn) { // docks settle their sizes in the event loop
        QCoreApplication::processEvents();
        window->layout()->activate();
        RepaintClock::instance().flush();
        waitForReport(window);
        MetricCache::instance().finish();
    }
    return window->grab();
}

} // namespace

Status savePicture(QWidget* window, const QString& path)
{
    if (!draw(window).save(path))
        return notWritable(path);
    return success();
}

Status renderViews(MainWindow* window, const QString& folder)
{
    if (!QDir().mkpath(folder))
        return notWritable(folder);
    for (const char* layout : MainWindow::kLayouts) {
        window->setLayoutName(QString::fromLatin1(layout));
        const QPixmap page = draw(window);
        const QString picture = QDir(folder).filePath(QString::fromLatin1(layout) + QStringLiteral(".png"));
        if (!page.save(picture))
            return notWritable(picture);
    }
    return success();
}

Status renderReport(Session& session, const QString& folder)
{
    if (!QDir().mkpath(folder))
        return notWritable(folder);
    return ReportPages(buildReport(session))
        .writePdf(QDir(folder).filePath(QStringLiteral("report.pdf")).toStdString());
}

} // namespace ls
