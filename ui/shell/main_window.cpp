#include "ui/shell/main_window.h"

#include "ui/client/engine_client.h"
#include "ui/panels/accuracy_panel.h"
#include "ui/panels/compare_streams_panel.h"
#include "ui/panels/compare_text_panel.h"
#include "ui/panels/dashboard_panel.h"
#include "ui/panels/desk_panel.h"
#include "ui/panels/experiments_panel.h"
#include "ui/panels/lane.h"
#include "ui/panels/logit_lens_panel.h"
#include "ui/panels/model_panel.h"
#include "ui/panels/parity_panel.h"
#include "ui/panels/punctuation_panel.h"
#include "ui/panels/report_panel.h"
#include "ui/panels/safety_panel.h"
#include "ui/panels/session_panel.h"
#include "ui/panels/speed_panel.h"
#include "ui/panels/steering_panel.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/banner.h"
#include "ui/shell/command_palette.h"
#include "ui/shell/layouts.h"
#include "ui/shell/open_model_dialog.h"
#include "ui/shell/prompt_row.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/welcome_page.h"
#include "ui/shell/workbench.h"

#include <QAction>
#include <QApplication>
#include <QButtonGroup>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenuBar>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTimer>
#include <QToolBar>
#include <QVBoxLayout>

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

QAction* MainWindow::addAction(QMenu* menu, const char* name, const QString& title, const QString& keys)
{
    QAction* made = menu->addAction(title);
    made->setObjectName(QStringLiteral("action.") + QLatin1String(name));
    if (!keys.isEmpty())
        made->setShortcut(QKeySequence(keys));
    return made;
}

void MainWindow::buildActions()
{
    const auto action = [this](QMenu* menu, const char* name, const QString& title, const QString& keys, auto slot) {
        QAction* made = addAction(menu, name, title, keys);
        connect(made, &QAction::triggered, this, slot);
        return made;
    };
    QMenu* file = menuBar()->addMenu(tr("&File"));
    action(file, "openModel", tr("Open &model…"), QStringLiteral("Ctrl+O"), [this] { chooseModel(); });
    action(file, "openSession", tr("&Open session…"), QStringLiteral("Ctrl+Shift+O"), [this] { chooseSession(); });
    action(file, "newSession", tr("&New session"), QStringLiteral("Ctrl+N"), [this] {
        if (const Status status = m_workbench->newSession({}); !status)
            showProblem(status.error());
    });
    m_saveAs =
        action(file, "saveAs", tr("&Save session as…"), QStringLiteral("Ctrl+S"), [this] { chooseSessionName(); });
    m_exportReport = action(file, "exportReport", tr("&Export report"), QStringLiteral("Ctrl+E"), [this] {
        setLayoutName(QStringLiteral("report"));
        m_report->exportReport();
    });
    file->addSeparator();
    action(file, "quit", tr("&Quit"), QStringLiteral("Ctrl+Q"), [this] { close(); });
    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QAction* undo = m_workbench->undoStack()->createUndoAction(this, tr("Undo"));
    undo->setObjectName(QStringLiteral("action.undo"));
    undo->setShortcut(QKeySequence(QStringLiteral("Ctrl+Z")));
    QAction* redo = m_workbench->undoStack()->createRedoAction(this, tr("Redo"));
    redo->setObjectName(QStringLiteral("action.redo"));
    redo->setShortcut(QKeySequence(QStringLiteral("Ctrl+Shift+Z")));
    edit->addActions({undo, redo});
    action(edit, "back", tr("Previous &selection"), QStringLiteral("Alt+Left"), [this] { m_workbench->selectBack(); });
    m_viewMenu = menuBar()->addMenu(tr("&View"));
    QMenu* run = menuBar()->addMenu(tr("&Run"));
    m_generate = action(run, "generate", tr("&Generate"), QStringLiteral("Ctrl+Return"), [this] { generate(); });
    m_stop = action(run, "stop", tr("&Stop"), QStringLiteral("Shift+F5"), [this] { m_workbench->stop(); });
    m_pause = addAction(run, "pause", tr("&Pause"), QStringLiteral("Ctrl+."));
    m_pause->setCheckable(true);
    connect(m_pause, &QAction::toggled, m_workbench, &Workbench::setPaused);
    m_methodsMenu = menuBar()->addMenu(tr("&Methods"));
    QMenu* tools = menuBar()->addMenu(tr("&Tools"));
    action(tools, "palette", tr("Command &palette…"), QStringLiteral("Ctrl+Shift+P"), [this] { showPalette(); });
    action(tools, "nextRegion", tr("Next &region"), QStringLiteral("F6"), [this] { nextRegion(1); });
    action(tools, "previousRegion", tr("Pre&vious region"), QStringLiteral("Shift+F6"), [this] { nextRegion(-1); });
}

void MainWindow::buildRunBar()
{
    QToolBar* bar = addToolBar(tr("Run"));
    bar->setObjectName(QStringLiteral("bar.run"));
    bar->setMovable(false);
    m_model = new QLabel;
    m_model->setObjectName(QStringLiteral("run.model"));
    m_model->setProperty("role", "title");
    bar->addWidget(m_model);
    const auto button = [&](QAction* action, const char* name, const QString& title, bool primary) {
        auto* made = new QPushButton(title);
        made->setObjectName(QLatin1String(name));
        made->setAccessibleName(action->text().remove(QLatin1Char('&')));
        made->setProperty("primary", primary);
        made->setEnabled(action->isEnabled());
        connect(made, &QPushButton::clicked, action, &QAction::trigger);
        connect(action, &QAction::changed, made, [made, action] {
            made->setEnabled(action->isEnabled());
            made->setToolTip(action->text().remove(QLatin1Char('&')) + QStringLiteral(" (") +
                             action->shortcut().toString(QKeySequence::NativeText) + QLatin1Char(')'));
        });
        bar->addWidget(made);
    };
    button(m_generate, "run.generate", tr("▶ Generate"), true);
    button(m_stop, "run.stop", tr("■ Stop"), false);
    button(findChild<QAction*>(QStringLiteral("action.undo")), "run.undo", QStringLiteral("↶"), false);
    button(findChild<QAction*>(QStringLiteral("action.redo")), "run.redo", QStringLiteral("↷"), false);
    const auto spring = [bar] {
        auto* space = new QWidget;
        space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
        bar->addWidget(space);
    };
    spring();
    m_layouts = new QButtonGroup(this);
    const std::pair<const char*, QString> layouts[] = {{"inspect", tr("Inspect")},
                                                       {"accelerate", tr("Accelerate")},
                                                       {"steer", tr("Steer")},
                                                       {"compare", tr("Compare")},
                                                       {"report", tr("Report")}};
    int number = 0;
    for (const auto& [id, title] : layouts) {
        auto* made = new QPushButton(title);
        made->setObjectName(QStringLiteral("layout.") + QLatin1String(id));
        made->setAccessibleName(tr("Layout %1").arg(title));
        made->setProperty("layout", true);
        made->setCheckable(true);
        m_layouts->addButton(made);
        bar->addWidget(made);
        number = id == std::string_view("report") ? 5 : number + 1;
        QAction* action =
            addAction(m_viewMenu, (std::string("layout.") + id).c_str(), title, QStringLiteral("Ctrl+%1").arg(number));
        connect(action, &QAction::triggered, this, [this, id = QString::fromLatin1(id)] { setLayoutName(id); });
        connect(made, &QPushButton::clicked, action, &QAction::trigger);
    }
    QAction* restore = addAction(m_viewMenu, "layout.restoreDefault", tr("&Restore default layout"), {});
    connect(restore, &QAction::triggered, this, &MainWindow::arrange);
    m_viewMenu->addSeparator();
    spring();
    auto* search = new QPushButton(tr("Search… Ctrl+Shift+P"));
    search->setObjectName(QStringLiteral("run.search"));
    search->setAccessibleName(tr("Command palette"));
    connect(search, &QPushButton::clicked, this, &MainWindow::showPalette);
    bar->addWidget(search);
    addToolBarBreak();
    m_bannerBar = addToolBar(tr("Problem"));
    m_bannerBar->setObjectName(QStringLiteral("bar.banner"));
    m_bannerBar->setMovable(false);
    m_banner = new Banner;
    m_bannerBar->addWidget(m_banner);
    m_bannerBar->hide();
    m_bannerBar->toggleViewAction()->setVisible(false);
    bar->toggleViewAction()->setVisible(false);
    connect(m_banner, &Banner::visibilityChanged, m_bannerBar, &QWidget::setVisible);
    connect(m_banner, &Banner::restartRequested, m_workbench->client(), &EngineClient::restart);
}

void MainWindow::buildCentre()
{
    m_pages = new QStackedWidget;
    m_welcome = new WelcomePage;
    auto* work = new QWidget;
    auto* column = new QVBoxLayout(work);
    column->setContentsMargins(6, 6, 6, 6);
    column->setSpacing(6);
    column->addWidget(m_prompt = new PromptRow);
    m_lanes = new QSplitter(Qt::Horizontal);
    m_lanes->setObjectName(QStringLiteral("splitter.centre"));
    m_lanes->setHandleWidth(6);
    m_lanes->setChildrenCollapsible(false);
    m_lanes->addWidget(new Lane(QStringLiteral("A"), m_workbench));
    m_lanes->addWidget(new Lane(QStringLiteral("B"), m_workbench));
    column->addWidget(m_lanes, 1);
    m_pages->addWidget(m_welcome);
    m_pages->addWidget(work);
    m_pages->addWidget(new QWidget); // layouts without lanes
    setCentralWidget(m_pages);
    connect(m_prompt, &PromptRow::submitted, m_generate, &QAction::trigger);
    connect(m_welcome, &WelcomePage::openModel, this, [this] { chooseModel(); });
    connect(m_welcome, &WelcomePage::openSession, this, &MainWindow::chooseSession);
    connect(m_welcome, &WelcomePage::openPath, this, &MainWindow::openPath);
    m_welcome->setRecent(QSettings().value(QStringLiteral("recent")).toStringList());
}

void MainWindow::addPanel(Panel* panel)
{
    QDockWidget* dock = makeDock(panel);
    m_docks[panel->id()] = dock;
    addDockWidget(Qt::RightDockWidgetArea, dock);
    dock->hide();
    QAction* toggle = dock->toggleViewAction();
    toggle->setObjectName(QStringLiteral("action.view.") + panel->id());
    m_viewMenu->addAction(toggle);
}

void MainWindow::buildDocks()
{
    addPanel(new ModelPanel(m_workbench));
    addPanel(m_desk = new DeskPanel(m_workbench));
    addPanel(new LogitLensPanel(m_workbench));
    addPanel(new PunctuationPanel(m_workbench));
    addPanel(new SafetyPanel(m_workbench));
    addPanel(new DashboardPanel(m_workbench));
    addPanel(new SteeringPanel(m_workbench));
    addPanel(m_report = new ReportPanel(m_workbench));
    addPanel(new SpeedPanel(m_workbench));
    addPanel(new SessionPanel(m_workbench));
    addPanel(new CompareTextPanel(m_workbench));
    addPanel(new CompareStreamsPanel(m_workbench));
    addPanel(new AccuracyPanel(m_workbench));
    addPanel(new ExperimentsPanel(m_workbench));
    addPanel(new ParityPanel(m_workbench));
    QAction* certificate = addAction(m_viewMenu, "certificate", tr("Parity &certificate of the model"), {});
    connect(certificate, &QAction::triggered, this, [this] { // of no layout: a window of its own
        QDockWidget* dock = m_docks.at(QStringLiteral("parity"));
        if (dockWidgetArea(dock) == Qt::NoDockWidgetArea || !dock->isVisible()) {
            addDockWidget(Qt::RightDockWidgetArea, dock);
            dock->setFloating(true);
            dock->resize(860, 640);
            dock->move(frameGeometry().center() - dock->rect().center());
        }
        dock->show();
        dock->raise();
    });
    for (const MethodSchema& schema : methodSchemas()) {
        QAction* add =
            addAction(m_methodsMenu, ("add." + schema.id).c_str(), tr("Add %1").arg(text::of(schema.title)), {});
        connect(add, &QAction::triggered, this, [this, id = schema.id] { m_desk->addMethod(id); });
    }
    m_methodsMenu->addSeparator();
    QAction* off =
        addAction(m_methodsMenu, "allMethodsOff", tr("All methods &off / back on"), QStringLiteral("Ctrl+K"));
    connect(off, &QAction::triggered, this, [this] { m_desk->switchAll(enabledMethods(m_workbench->desk()).empty()); });
    for (int card = 0; card < 9; ++card) {
        auto* action = new QAction(tr("Switch card %1").arg(card + 1), this);
        action->setObjectName(QStringLiteral("action.card%1").arg(card + 1));
        action->setShortcut(QKeySequence(QStringLiteral("Alt+%1").arg(card + 1)));
        connect(action, &QAction::triggered, this, [this, card] { m_desk->toggleCard(card); });
        QWidget::addAction(action);
    }
}

void MainWindow::buildStatus()
{
    statusBar()->setObjectName(QStringLiteral("bar.status"));
    statusBar()->setSizeGripEnabled(false);
    const auto field = [this](const char* name, bool right) {
        auto* label = new QLabel;
        label->setObjectName(QLatin1String(name));
        right ? statusBar()->addPermanentWidget(label) : statusBar()->addWidget(label);
        return label;
    };
    m_statusModel = field("status.model", false);
    m_statusDevice = field("status.device", false);
    m_fallback = field("status.fallback", false);
    m_fallback->setProperty("chip", true);
    m_fallback->setProperty("tone", "warning");
    m_progress = field("status.progress", false);
    m_memory = field("status.memory", true);
    m_rates = field("status.rates", true);
    m_saved = field("status.session", true);
}

void MainWindow::connectWorkbench()
{
    connect(m_workbench, &Workbench::problem, this, &MainWindow::showProblem);
    connect(m_workbench, &Workbench::modelProgress, this, [this](const QString& stage, double done, double total) {
        m_progress->setText(total > 0 ? tr("%1 %2 %").arg(stage, text::number(100 * done / total, 0)) : stage);
    });
    connect(m_workbench, &Workbench::modelChanged, this, [this] {
        m_progress->clear();
        if (const auto& model = m_workbench->client()->model())
            remember(text::of(model->path));
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
