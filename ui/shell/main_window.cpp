#include "ui/shell/main_window.h"

#include "ui/client/engine_client.h"
#include "ui/models/run_values.h"
#include "ui/panels/lane.h"
#include "ui/panels/logit_lens_panel.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QPushButton>
#include <QSpinBox>
#include <QSplitter>
#include <QStatusBar>
#include <QToolBar>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

MainWindow::MainWindow(Workbench* workbench, QWidget* parent)
    : QMainWindow(parent)
    , m_workbench(workbench)
{
    setObjectName(QStringLiteral("window.main"));
    setWindowTitle(tr("Layerscope"));
    setMinimumSize(1180, 720);
    setDockNestingEnabled(true);
    buildActions();
    buildRunBar();
    auto* centre = new QWidget;
    auto* column = new QVBoxLayout(centre);
    column->setContentsMargins(6, 6, 6, 6);
    column->setSpacing(6);
    column->addWidget(buildBanner());
    column->addWidget(buildPrompt());
    auto* splitter = new QSplitter(Qt::Horizontal);
    splitter->setObjectName(QStringLiteral("splitter.centre"));
    splitter->setHandleWidth(6);
    splitter->setChildrenCollapsible(false);
    splitter->addWidget(new Lane(QStringLiteral("A"), workbench));
    splitter->addWidget(new Lane(QStringLiteral("B"), workbench));
    column->addWidget(splitter, 1);
    setCentralWidget(centre);
    auto* dock = new QDockWidget(tr("Logit lens"));
    dock->setObjectName(QStringLiteral("dock.logitLens"));
    dock->setWidget(new LogitLensPanel(workbench));
    addDockWidget(Qt::RightDockWidgetArea, dock);
    resizeDocks({dock}, {420}, Qt::Horizontal);
    buildStatus();

    connect(workbench, &Workbench::problem, this, &MainWindow::showProblem);
    connect(workbench, &Workbench::modelProgress, this, [this](const QString& stage, double done, double total) {
        m_progress->setText(total > 0 ? tr("%1 %2 %").arg(stage, text::number(100 * done / total, 0)) : stage);
    });
    connect(workbench, &Workbench::modelChanged, this, [this] {
        m_progress->clear();
        refresh();
    });
    connect(workbench, &Workbench::saveStateChanged, this,
            [this](const Status& status) { status ? refresh() : showProblem(status.error()); });
    connect(workbench->client(), &EngineClient::stateChanged, this, [this](EngineClient::State state) {
        if (state == EngineClient::State::Ready)
            m_banner->hide();
        refresh();
    });
    for (const auto signal : {&Workbench::sessionChanged, &Workbench::runChanged, &Workbench::generationStateChanged,
                              &Workbench::memoryChanged})
        connect(workbench, signal, this, &MainWindow::refresh);
    connect(workbench, &Workbench::runAppended, this,
            [this] { RepaintClock::instance().markDirty(statusBar(), [this] { refresh(); }); });
    refresh();
}

void MainWindow::buildActions()
{
    const auto action = [this](QMenu* menu, const char* name, const QString& title, const QKeySequence& keys) {
        QAction* made = menu->addAction(title);
        made->setObjectName(QStringLiteral("action.") + QLatin1String(name));
        made->setShortcut(keys);
        return made;
    };
    QMenu* file = menuBar()->addMenu(tr("&File"));
    connect(action(file, "openModel", tr("Open &model…"), QKeySequence(tr("Ctrl+O"))), &QAction::triggered, this,
            &MainWindow::chooseModel);
    connect(action(file, "openSession", tr("&Open session…"), QKeySequence(tr("Ctrl+Shift+O"))), &QAction::triggered,
            this, &MainWindow::chooseSession);
    m_saveAs = action(file, "saveAs", tr("&Save session as…"), QKeySequence(tr("Ctrl+S")));
    connect(m_saveAs, &QAction::triggered, this, &MainWindow::chooseSessionName);
    file->addSeparator();
    connect(action(file, "quit", tr("&Quit"), QKeySequence(tr("Ctrl+Q"))), &QAction::triggered, this, &QWidget::close);
    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QAction* undo = m_workbench->undoStack()->createUndoAction(this, tr("Undo"));
    undo->setObjectName(QStringLiteral("action.undo"));
    undo->setShortcut(QKeySequence(tr("Ctrl+Z")));
    QAction* redo = m_workbench->undoStack()->createRedoAction(this, tr("Redo"));
    redo->setObjectName(QStringLiteral("action.redo"));
    redo->setShortcut(QKeySequence(tr("Ctrl+Shift+Z")));
    edit->addActions({undo, redo});
    connect(action(edit, "back", tr("Previous &selection"), QKeySequence(tr("Alt+Left"))), &QAction::triggered,
            m_workbench, &Workbench::selectBack);
    QMenu* run = menuBar()->addMenu(tr("&Run"));
    m_generate = action(run, "generate", tr("&Generate"), QKeySequence(tr("Ctrl+Return")));
    connect(m_generate, &QAction::triggered, this, &MainWindow::generate);
    m_stop = action(run, "stop", tr("&Stop"), QKeySequence(tr("Shift+F5")));
    connect(m_stop, &QAction::triggered, m_workbench, &Workbench::stop);
}

void MainWindow::buildRunBar()
{
    auto* bar = addToolBar(tr("Run"));
    bar->setObjectName(QStringLiteral("bar.run"));
    bar->setMovable(false);
    m_model = new QLabel;
    m_model->setObjectName(QStringLiteral("run.model"));
    m_model->setProperty("role", "title");
    bar->addWidget(m_model);
    const auto button = [&](QAction* action, const char* name, bool primary) {
        auto* made = new QPushButton(action->text().remove(QLatin1Char('&')));
        made->setObjectName(QLatin1String(name));
        made->setProperty("primary", primary);
        made->setToolTip(action->shortcut().toString(QKeySequence::NativeText));
        made->setEnabled(action->isEnabled());
        connect(made, &QPushButton::clicked, action, &QAction::trigger);
        connect(action, &QAction::changed, made, [made, action] { made->setEnabled(action->isEnabled()); });
        bar->addWidget(made);
    };
    button(m_generate, "run.generate", true);
    button(m_stop, "run.stop", false);
}

QWidget* MainWindow::buildBanner()
{
    m_banner = new QFrame;
    m_banner->setObjectName(QStringLiteral("bannerFrame"));
    auto* row = new QHBoxLayout(m_banner);
    m_bannerText = new QLabel;
    m_bannerText->setObjectName(QStringLiteral("banner.text"));
    m_bannerText->setWordWrap(true);
    m_bannerText->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_bannerAction = new QPushButton(tr("Restart"));
    m_bannerAction->setObjectName(QStringLiteral("banner.restart"));
    auto* copy = new QPushButton(tr("Copy details"));
    copy->setObjectName(QStringLiteral("banner.copy"));
    auto* close = new QPushButton(tr("Dismiss"));
    close->setObjectName(QStringLiteral("banner.dismiss"));
    row->addWidget(m_bannerText, 1);
    row->addWidget(m_bannerAction);
    row->addWidget(copy);
    row->addWidget(close);
    connect(m_bannerAction, &QPushButton::clicked, m_workbench->client(), &EngineClient::restart);
    connect(copy, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(m_bannerText->text() + QLatin1Char('\n') + m_bannerText->toolTip());
    });
    connect(close, &QPushButton::clicked, m_banner, &QWidget::hide);
    m_banner->hide();
    return m_banner;
}

QWidget* MainWindow::buildPrompt()
{
    auto* frame = new QFrame;
    frame->setProperty("panel", true);
    auto* row = new QHBoxLayout(frame);
    row->setContentsMargins(10, 6, 10, 6);
    const auto add = [&](QWidget* widget, const char* name, const QString& label) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(label);
        auto* caption = new QLabel(label);
        caption->setProperty("role", "second");
        row->addWidget(caption);
        row->addWidget(widget);
    };
    add(m_prompt = new QLineEdit(tr("Explain why the sky is blue.")), "prompt.text", tr("Prompt"));
    row->setStretchFactor(m_prompt, 1);
    add(m_template = new QComboBox, "prompt.template", tr("Form"));
    m_template->addItems({tr("chat"), tr("plain text")});
    add(m_temperature = new QDoubleSpinBox, "prompt.sampler", tr("Temperature"));
    m_temperature->setRange(0, 2);
    m_temperature->setSingleStep(0.1);
    m_temperature->setSpecialValueText(tr("greedy"));
    add(m_topP = new QDoubleSpinBox, "prompt.topP", tr("Top-p"));
    m_topP->setRange(0.01, 1);
    m_topP->setSingleStep(0.05);
    m_topP->setValue(1);
    add(m_seed = new QSpinBox, "prompt.seed", tr("Seed"));
    m_seed->setRange(0, 1000000000);
    add(m_maximum = new QSpinBox, "prompt.max", tr("Max"));
    m_maximum->setRange(1, 100000);
    m_maximum->setValue(128);
    connect(m_prompt, &QLineEdit::returnPressed, m_generate, &QAction::trigger);
    return frame;
}

void MainWindow::buildStatus()
{
    statusBar()->setObjectName(QStringLiteral("bar.status"));
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

void MainWindow::generate()
{
    RunSpec spec;
    const std::string prompt = m_prompt->text().toStdString();
    const auto& model = m_workbench->model();
    if (m_template->currentIndex() == 0 && model && model->hasChatTemplate)
        spec.prompt.messages = nlohmann::json::array({{{"role", "user"}, {"content", prompt}}});
    else
        spec.prompt.text = prompt;
    spec.sampler = {m_temperature->value(), m_topP->value(), std::uint64_t(m_seed->value())};
    spec.maxTokens = m_maximum->value();
    spec.lanes = {LaneSpec{"A", {}}, LaneSpec{"B", enabledMethods(m_workbench->desk())}};
    spec.probes = {"layer_norms", "logit_lens", "contextualisation", "safety"};
    m_workbench->generate(spec);
}

void MainWindow::refresh()
{
    const auto& model = m_workbench->model();
    const EngineClient* client = m_workbench->client();
    m_generate->setEnabled(client->model().has_value() && !m_workbench->generating());
    m_stop->setEnabled(m_workbench->generating());
    m_saveAs->setEnabled(m_workbench->session() != nullptr);
    m_model->setText(model ? tr("%1 · %2").arg(text::of(model->name), text::of(model->storedType))
                           : tr("No model open"));
    m_statusModel->setText(model ? tr("%1 · %2").arg(text::of(model->name), text::of(model->dtype)) : QString());
    QString device, reason;
    if (client->ready())
        for (const DeviceInfo& info : client->ready()->devices) {
            if (model && info.id == model->device)
                device = text::of(info.title);
            if (!info.available || (info.id == "cpu" && !info.reason.empty()))
                reason = text::of(info.reason);
        }
    m_statusDevice->setText(device);
    m_fallback->setText(tr("CPU because: %1").arg(reason));
    m_fallback->setVisible(!reason.isEmpty() && model && model->device == "cpu");
    const RunData* run = m_workbench->run();
    m_memory->setText(run && run->memory
                          ? tr("weights %1 · resident %2")
                                .arg(text::bytes(run->memory->weightBytes), text::bytes(run->memory->rssBytes))
                          : QString());
    QStringList rates;
    if (run)
        for (const LaneData& lane : run->lanes)
            if (const double rate = values::tokensPerSecond(lane); std::isfinite(rate))
                rates << tr("%1 %2 tok/s · TTFT %3 ms")
                             .arg(text::of(lane.name), text::number(rate, 1),
                                  text::number(double(lane.ttftUs) / 1000, 0));
    m_rates->setText(rates.join(QStringLiteral("   ")));
    const Session* session = m_workbench->session();
    m_saved->setText(session ? QFileInfo(text::of(session->path())).fileName() : QString());
}

void MainWindow::showProblem(const Error& error)
{
    m_bannerText->setText(text::sentence(error));
    m_bannerText->setToolTip(text::of(errcName(error.code)) + QLatin1Char('\n') + text::of(error.detail));
    const auto state = m_workbench->client()->state();
    m_bannerAction->setVisible(state == EngineClient::State::Died);
    m_banner->show();
    refresh();
}

void MainWindow::chooseModel()
{
    auto* dialog = new QFileDialog(this, tr("Open model"), {}, tr("Models (*.gguf *.safetensors);;All files (*)"));
    dialog->setObjectName(QStringLiteral("dialog.openModel"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        m_workbench->openModel(path, QStringLiteral("cpu"), QStringLiteral("float32"));
    });
    dialog->open();
}

void MainWindow::chooseSession()
{
    auto* dialog = new QFileDialog(this, tr("Open session"), {}, tr("Sessions (*.lsdb)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        if (const Status status = m_workbench->openSession(path); !status)
            showProblem(status.error());
    });
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
    });
    dialog->open();
}

} // namespace ls
