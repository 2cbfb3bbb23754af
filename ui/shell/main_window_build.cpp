#include "ui/shell/main_window.h"

#include "ui/client/engine_client.h"
#include "ui/models/certificate_status.h"
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
#include "ui/panels/stage_panel.h"
#include "ui/panels/steering_panel.h"
#include "ui/shell/banner.h"
#include "ui/shell/layouts.h"
#include "ui/shell/prompt_row.h"
#include "ui/shell/text.h"
#include "ui/shell/welcome_page.h"
#include "ui/shell/workbench.h"

#include <QAction>
#include <QButtonGroup>
#include <QDockWidget>
#include <QFileInfo>
#include <QLabel>
#include <QMenuBar>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QStyle>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

namespace ls {

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
    connect(m_prompt, &PromptRow::helpRequested, this, [this] { // the file of the stored run, where it is still there
        const auto& model = m_workbench->model();
        const QString path = model ? text::of(model->path) : QString();
        chooseModel(QFileInfo::exists(path) ? path : QString());
    });
    connect(m_welcome, &WelcomePage::openModel, this, [this] { chooseModel(); });
    connect(m_welcome, &WelcomePage::openSession, this, &MainWindow::chooseSession);
    connect(m_welcome, &WelcomePage::openPath, this, &MainWindow::openPath);
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
    auto* model = new ModelPanel(m_workbench);
    addPanel(model);
    addPanel(m_desk = new DeskPanel(m_workbench));
    addPanel(new LogitLensPanel(m_workbench));
    addPanel(new PunctuationPanel(m_workbench));
    addPanel(new SafetyPanel(m_workbench));
    addPanel(new DashboardPanel(m_workbench));
    addPanel(new SteeringPanel(m_workbench));
    addPanel(m_report = new ReportPanel(m_workbench));
    addPanel(new SpeedPanel(m_workbench));
    addPanel(new StagePanel(m_workbench));
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
    connect(model, &ModelPanel::certificateRequested, certificate, &QAction::trigger);
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
    m_fallback->style()->unpolish(m_fallback); // the bar has polished it without them
    m_fallback->style()->polish(m_fallback);
    m_progress = field("status.progress", false);
    m_memory = field("status.memory", true);
    m_rates = field("status.rates", true);
    m_parity = new QToolButton; // a button: it opens the certificate
    m_parity->setObjectName(QStringLiteral("status.parity"));
    m_parity->setFocusPolicy(Qt::TabFocus);
    statusBar()->addPermanentWidget(m_parity);
    connect(m_parity, &QToolButton::clicked, findChild<QAction*>(QStringLiteral("action.certificate")),
            &QAction::trigger);
    m_certificate = new CertificateStatus(m_workbench, this);
    connect(m_certificate, &CertificateStatus::changed, this, &MainWindow::refreshStatus);
    m_saved = field("status.session", true);
}

} // namespace ls
