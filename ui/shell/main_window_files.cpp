#include "ui/shell/main_window.h"

#include "ui/shell/open_model_dialog.h"
#include "ui/shell/text.h"
#include "ui/shell/welcome_page.h"
#include "ui/shell/workbench.h"

#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMimeData>
#include <QSettings>

namespace ls {

void MainWindow::openPath(const QString& path)
{
    if (path.endsWith(QLatin1String(".lsdb"), Qt::CaseInsensitive)) {
        if (const Status status = m_workbench->openSession(path); !status)
            showProblem(status.error());
        else
            remember(path);
        return;
    }
    chooseModel(path);
}

void MainWindow::remember(const QString& given)
{
    const QString path = QFileInfo(given).absoluteFilePath(); // the next start may be in another folder
    QSettings settings;
    QStringList recent = settings.value(QStringLiteral("recent")).toStringList();
    recent.removeAll(path);
    recent.prepend(path);
    settings.setValue(QStringLiteral("recent"), recent.mid(0, 12));
    m_welcome->setRecent(recent.mid(0, 12));
}

void MainWindow::chooseModel(const QString& path)
{
    auto* dialog = new OpenModelDialog(m_workbench, this);
    connect(dialog, &OpenModelDialog::accepted, m_workbench, &Workbench::openModel);
    if (!path.isEmpty())
        dialog->setPath(path);
    dialog->open();
}

void MainWindow::chooseSession()
{
    auto* dialog = new QFileDialog(this, tr("Open session"), {}, tr("Sessions (*.lsdb)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, &MainWindow::openPath);
    dialog->open();
}

void MainWindow::chooseSessionName()
{
    auto* dialog = new QFileDialog(this, tr("Save session as"), {}, tr("Sessions (*.lsdb)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(QStringLiteral("lsdb"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        if (const Status status = m_workbench->saveSessionAs(path); !status)
            showProblem(status.error());
        else
            remember(path);
    });
    dialog->open();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile())
            return openPath(url.toLocalFile());
}

} // namespace ls
