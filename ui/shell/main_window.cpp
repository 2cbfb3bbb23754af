#include "ui/shell/main_window.h"

#include "ui/client/engine_client.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/banner.h"
#include "ui/shell/command_palette.h"
#include "ui/shell/layouts.h"
#include "ui/shell/prompt_row.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QButtonGroup>
#include <QCloseEvent>
#include <QDockWidget>
#include <QLabel>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>

namespace ls {

MainWindow::MainWindow(Workbench* workbench, QWidget* parent)
    : QMainWindow(parent)
    , m_workbench(workbench)
{
    setObjectName(QStringLiteral("window.main"));
    setWindowTitle(tr("Layerscope"));
    setMinimumSize(1180, 720);
    setDockOptions(AllowNestedDocks | AllowTabbedDocks); // no animation: motion is for progress only
    setAcceptDrops(true);
    buildActions();
    buildRunBar();
    buildCentre();
    buildDocks();
    buildStatus();
    connectWorkbench();
    refresh();
}

void MainWindow::connectWorkbench()
{
    connect(m_workbench, &Workbench::problem, this, &MainWindow::showProblem);
    connect(m_workbench, &Workbench::modelProgress, this, [this](const QString& stage, double done, double total) {
        m_progress->setText(total > 0 ? tr("%1 %2 %").arg(stage, text::number(100 * done / total, 0)) : stage);
        refresh();
    });
    connect(m_workbench, &Workbench::modelChanged, this, [this] {
        m_progress->clear();
        if (const auto& model = m_workbench->client()->model())
            rememberModel(*model);
        refresh();
    });
    connect(m_workbench, &Workbench::sessionChanged, this, [this] {
        if (const RunData* run = m_workbench->run())
            m_prompt->show(run->spec);
        refresh();
    });
    connect(m_workbench, &Workbench::saveStateChanged, this,
            [this](const Status& status) { status ? refresh() : showProblem(status.error()); });
    connect(m_workbench->client(), &EngineClient::stateChanged, this, [this](EngineClient::State state) {
        if (state == EngineClient::State::Ready)
            m_banner->engineReady();
        refresh();
    });
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::memoryChanged})
        connect(m_workbench, signal, this, &MainWindow::refresh);
    connect(m_workbench, &Workbench::runAppended, this,
            [this] { RepaintClock::instance().markDirty(statusBar(), [this] { refreshStatus(); }); });
}

void MainWindow::generate()
{
    const auto& model = m_workbench->model();
    if (!model)
        return showProblem({Errc::NotSupported,
                            tr("No model is open.").toStdString(),
                            tr("Open one with File > Open model.").toStdString(),
                            {}});
    if (m_prompt->isEmpty()) // a chat template would make a prompt of nothing
        return showProblem({Errc::PromptEmpty,
                            tr("The prompt is empty.").toStdString(),
                            tr("Write a prompt first.").toStdString(),
                            {}});
    RunSpec spec = m_prompt->spec(*model);
    spec.lanes = {LaneSpec{"A", {}}, LaneSpec{"B", enabledMethods(m_workbench->desk())}};
    spec.probes = {"layer_norms", "logit_lens", "contextualisation", "safety"};
    m_workbench->generate(spec);
}

void MainWindow::setLayoutName(const QString& layout)
{
    m_layout = layout;
    arrange();
}

void MainWindow::arrange()
{
    for (QAbstractButton* button : m_layouts->buttons())
        button->setChecked(!m_welcoming && button->objectName() == QStringLiteral("layout.") + m_layout);
    if (m_welcoming) {
        for (const auto& [id, dock] : m_docks)
            dock->hide();
        m_pages->setCurrentIndex(0);
        m_pages->setMaximumHeight(QWIDGETSIZE_MAX);
        m_pages->show();
        return;
    }
    m_arrangedFor = (width() < 1400 ? 0 : 1) + (height() < 860 ? 0 : 2);
    // Without lanes the centre is an empty page without height: it still keeps the side docks at their widths.
    const bool lanes = layoutShowsLanes(m_layout);
    m_pages->setCurrentIndex(lanes ? 1 : 2);
    m_pages->setMaximumHeight(lanes ? QWIDGETSIZE_MAX : 0);
    m_pages->show();
    applyLayout(this, m_docks, m_layout);
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QMainWindow::resizeEvent(event);
    m_lanes->setOrientation(width() < 1500 ? Qt::Vertical : Qt::Horizontal);
    const int sizeClass = (width() < 1400 ? 0 : 1) + (height() < 860 ? 0 : 2);
    refreshStatus(); // says less in a narrow window
    if (!m_welcoming && sizeClass != m_arrangedFor)
        arrange();
}

void MainWindow::refresh()
{
    const auto& model = m_workbench->model();
    const EngineClient* client = m_workbench->client();
    const bool welcoming = !model && !m_workbench->run();
    if (welcoming != m_welcoming || (m_arrangedFor < 0 && !welcoming)) {
        m_welcoming = welcoming;
        arrange();
    }
    m_generate->setEnabled(client->model().has_value() && !m_workbench->generating());
    const auto& stored = m_workbench->model();
    const bool opening = client->state() == EngineClient::State::Ready && m_workbench->openingModel();
    m_prompt->setReason(
        client->model() || m_welcoming ? QString()
        : opening                      ? tr("Generate is off until the model is open.")
        : stored ? tr("Generate is off: this session was made with %1, which is not open.").arg(text::of(stored->name))
                 : tr("Generate is off: no model is open."),
        opening ? QString() : tr("Open the model…"));
    m_stop->setEnabled(m_workbench->generating());
    m_pause->setEnabled(m_workbench->generating());
    if (!m_workbench->generating()) {
        const QSignalBlocker quiet(m_pause);
        m_pause->setChecked(false);
    }
    m_saveAs->setEnabled(m_workbench->session() != nullptr);
    m_exportReport->setEnabled(!m_welcoming); // the panel says what is missing
    m_model->setText(model ? tr("%1 · %2").arg(text::of(model->name), text::of(model->storedType))
                           : tr("No model open"));
    refreshStatus();
}

void MainWindow::showProblem(const Error& error)
{
    m_banner->showProblem(error, m_workbench->client()->state() == EngineClient::State::Died);
    refresh();
}

void MainWindow::showPalette()
{
    std::vector<CommandPalette::Entry> entries;
    for (QAction* action : findChildren<QAction*>()) {
        if (!action->objectName().startsWith(QLatin1String("action.")))
            continue;
        entries.push_back({action->text().remove(QLatin1Char('&')),
                           action->shortcut().toString(QKeySequence::NativeText),
                           action->isEnabled() ? QString() : tr("not available now"), [action] { action->trigger(); }});
    }
    if (const auto& model = m_workbench->model())
        for (int block = 0; block < model->blockCount; ++block)
            entries.push_back({tr("Select block %1").arg(block), {}, {}, [this, block] {
                                   Selection selection = m_workbench->selection();
                                   selection.block = block;
                                   m_workbench->select(selection);
                               }});
    auto* palette = new CommandPalette(std::move(entries), this);
    palette->move(mapToGlobal(QPoint((width() - palette->width()) / 2, 70)));
    palette->show();
}

void MainWindow::nextRegion(int step)
{
    std::vector<QWidget*> regions{findChild<QWidget*>(QStringLiteral("run.generate"))};
    if (m_pages->isVisible())
        regions.push_back(m_welcoming ? findChild<QWidget*>(QStringLiteral("welcome.openModel"))
                                      : findChild<QWidget*>(QStringLiteral("prompt.text")));
    for (const char* name :
         {"lane.A.tokens", "lane.B.tokens", "model.tree", "desk.add", "lens.table", "steer.vectors", "session.tree",
          "compare.text.A", "compare.text.B", "acc.tasks", "speed.table", "exp.table", "report.sections"})
        if (QWidget* widget = findChild<QWidget*>(QLatin1String(name)); widget && widget->isVisible())
            regions.push_back(widget);
    const auto now = std::find_if(regions.begin(), regions.end(), [](QWidget* widget) {
        QWidget* focus = QApplication::focusWidget();
        return focus && (widget == focus || widget->isAncestorOf(focus));
    });
    const int count = int(regions.size());
    const int at = now == regions.end() ? (step > 0 ? -1 : 0) : int(now - regions.begin());
    regions[std::size_t((at + step + count) % count)]->setFocus(Qt::TabFocusReason);
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    m_workbench->stop();
    if (Session* session = m_workbench->session())
        if (const Status status = session->flush(); !status) {
            showProblem(status.error()); // closing now would lose results
            event->ignore();
            return;
        }
    QMainWindow::closeEvent(event);
}

} // namespace ls
