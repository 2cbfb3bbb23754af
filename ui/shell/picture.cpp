#include "ui/shell/picture.h"

#include "ui/models/metric_cache.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/main_window.h"

#include <QCoreApplication>
#include <QDir>
#include <QLayout>
#include <QPainter>
#include <QPdfWriter>
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

QPixmap draw(QWidget* window)
{
    for (int turn = 0; turn < 3; ++turn) { // docks settle their sizes in the event loop
        QCoreApplication::processEvents();
        window->layout()->activate();
        RepaintClock::instance().flush();
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
    const QString pdf = QDir(folder).filePath(QStringLiteral("views.pdf"));
    QPdfWriter writer(pdf);
    writer.setPageSize(QPageSize(QPageSize::A4));
    writer.setPageOrientation(QPageLayout::Landscape);
    writer.setTitle(QStringLiteral("Layerscope"));
    QPainter painter;
    if (!painter.begin(&writer))
        return notWritable(pdf);
    bool first = true;
    for (const char* layout : MainWindow::kLayouts) {
        window->setLayoutName(QString::fromLatin1(layout));
        const QPixmap page = draw(window);
        const QString picture = QDir(folder).filePath(QString::fromLatin1(layout) + QStringLiteral(".png"));
        if (!page.save(picture))
            return notWritable(picture);
        if (!first)
            writer.newPage();
        first = false;
        const QSize room = page.size().scaled(painter.viewport().size(), Qt::KeepAspectRatio);
        painter.drawPixmap(QRect(QPoint(0, 0), room), page);
    }
    if (!painter.end())
        return notWritable(pdf);
    return success();
}

} // namespace ls
