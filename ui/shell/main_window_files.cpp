#include "ui/shell/main_window.h"

#include "core/model_info.h"
#include "ui/shell/dropped_path.h"
#include "ui/shell/open_model_dialog.h"
#include "ui/shell/recent_files.h"
#include "ui/shell/text.h"
#include "ui/shell/welcome_page.h"
#include "ui/shell/workbench.h"

#include <QDragEnterEvent>
#include <QFileDialog>
#include <QMimeData>

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

void MainWindow::remember(const QString& path)
{
    recent::remember({path, {}, {}, 0});
    m_welcome->refresh();
}

void MainWindow::rememberModel(const ModelInfo& model)
{
    recent::remember({text::of(model.path), text::of(model.name), text::of(model.storedType), model.fileBytes});
    m_welcome->refresh();
}

void MainWindow::chooseModel(const QString& path)
{
    auto* dialog = findChild<OpenModelDialog*>(); // a second drop goes into the one that is open
    if (!dialog) {
        dialog = new OpenModelDialog(m_workbench, this);
        connect(dialog, &OpenModelDialog::accepted, m_workbench, &Workbench::openModel);
        connect(dialog, &OpenModelDialog::finished, m_welcome, &WelcomePage::refresh); // entries may have been removed
        connect(dialog, &OpenModelDialog::sessionDropped, this, &MainWindow::openPath);
    }
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
    if (!droppedPath(event->mimeData()).isEmpty())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    if (const QString path = droppedPath(event->mimeData()); !path.isEmpty()) {
        event->acceptProposedAction();
        openPath(path);
    }
}

} // namespace ls
