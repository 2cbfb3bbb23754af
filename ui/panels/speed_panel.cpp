#include "ui/panels/speed_panel.h"

#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/models/metric_cache.h"
#include "ui/models/speed_model.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

namespace {
constexpr int kRepetitions = 10;
constexpr int kLine = 23;
} // namespace

SpeedPanel::SpeedPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("speed"), tr("Speed dashboard"), workbench, parent)
    , m_model(new SpeedModel(this))
    , m_table(new QTableView)
    , m_plot(plots::make(QStringLiteral("speed.ratio"), tr("Speed of B over A with interval, by test")))
    , m_note(new QLabel)
    , m_run(new QPushButton(tr("Run pp512, tg128")))
{
    setHelp(
        tr("pp512: prefill of 512 tokens at once. tg128: 128 tokens one by one. Lanes A and B take turns in random "
           "order, %1 repetitions after one that is not counted. B / A is the ratio of the mean times with its 95 % "
           "bootstrap interval over repetitions; an interval with 1 in it gets no verdict. TTFT and memory are of "
           "the run in view: one value each.")
            .arg(kRepetitions));
    m_run->setObjectName(QStringLiteral("speed.run"));
    m_run->setAccessibleName(tr("Run the speed tests"));
    addOption(m_run);
    m_table->setObjectName(QStringLiteral("speed.table"));
    m_table->setAccessibleName(tr("Speed of lanes A and B by test"));
    m_table->setModel(m_model);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(kLine);
    m_table->verticalHeader()->setMinimumSectionSize(kLine);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setSectionResizeMode(SpeedModel::TestColumn, QHeaderView::Stretch);
    m_table->setMinimumHeight(80);
    m_plot->setInteractions({});
    plots::axes(m_plot, tr("B / A, 95 % interval"), {});
    m_plot->yAxis->setTicks(false);
    m_plot->yAxis->grid()->setVisible(false);
    m_note->setObjectName(QStringLiteral("speed.note"));
    m_note->setProperty("role", "third");
    m_note->setWordWrap(true);
    m_note->setContentsMargins(10, 2, 10, 6);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    auto* row = new QHBoxLayout;
    row->setSpacing(0);
    row->addWidget(m_table, 3);
    row->addWidget(m_plot, 1);
    column->addLayout(row, 1);
    column->addWidget(m_note);
    setContent(body);
    refresh();

    connect(m_run, &QPushButton::clicked, this, &SpeedPanel::run);
    connect(this, &Panel::actionRequested, this, &SpeedPanel::run);
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::modelChanged,
                              &Workbench::sessionChanged, &Workbench::deskChanged, &Workbench::memoryChanged})
        connect(workbench, signal, this, later);
}

const ExperimentData* SpeedPanel::bench() const
{
    const ExperimentData *newest = nullptr, *filled = nullptr;
    if (workbench()->session())
        for (const ExperimentData* experiment : workbench()->session()->experiments())
            if (experiment->kind == "bench") {
                newest = experiment;
                if (!experiment->rows.empty())
                    filled = experiment;
            }
    return filled ? filled : newest;
}

void SpeedPanel::run()
{
    ExperimentData* newest = workbench()->latestExperiment(QStringLiteral("bench"));
    if (newest && newest->state == "running") {
        workbench()->cancelExperiment(newest);
        return;
    }
    const MethodSet methods = enabledMethods(workbench()->desk());
    const nlohmann::json lanes = methods.empty() ? nlohmann::json{"A"} : nlohmann::json{"A", "B"};
    workbench()->runExperiment(QStringLiteral("bench"), {{"tests", {"pp512", "tg128"}},
                                                         {"n", kRepetitions},
                                                         {"warmup", 1},
                                                         {"methods", toJson(methods)},
                                                         {"lanes", lanes}});
}

void SpeedPanel::refresh()
{
    const ExperimentData* newest = workbench()->latestExperiment(QStringLiteral("bench"));
    const ExperimentData* shown = bench();
    const RunData* inView = workbench()->run();
    const bool running = newest && newest->state == "running";
    const bool model = workbench()->client()->model().has_value();
    m_run->setText(running ? tr("Stop") : shown && !shown->rows.empty() ? tr("Run again") : tr("Run pp512, tg128"));
    m_run->setEnabled(running || model);
    m_run->setToolTip(model ? tr("A and B interleaved, %1 repetitions").arg(kRepetitions)
                            : tr("Open the model to run the tests."));
    const bool rows = shown && !shown->rows.empty();
    m_model->setRows(
        speedRows(rows ? shown : nullptr, rows ? MetricCache::instance().of(*shown) : std::vector<Metric>{}, inView));
    if (m_model->rows().empty()) {
        if (running)
            setState(State::Loading, tr("Measuring: %1 of %2.").arg(newest->done).arg(newest->total), tr("Stop"));
        else if (newest && newest->failure)
            setState(State::Error, text::sentence(*newest->failure), model ? tr("Run pp512, tg128") : QString());
        else if (model)
            setState(State::Empty, tr("Measure how fast A and B are."), tr("Run pp512, tg128"));
        else
            setState(State::Unavailable, tr("No speed was measured in this session. Open the model to do so."));
        return;
    }
    QStringList notes;
    if (running)
        notes << tr("Measuring %1: %2 of %3. Generating goes first.")
                     .arg(text::of(newest->stage))
                     .arg(newest->done)
                     .arg(newest->total);
    else if (newest && newest->failure)
        notes << text::sentence(*newest->failure);
    if (!rows)
        notes << tr("Values of one run; the tests give intervals.");
    else if (shown->result.is_object() && shown->result.contains("device"))
        notes << tr("Measured on %1, %2, %3 threads; A and B interleaved.")
                     .arg(text::of(valueOr(shown->result, "device", std::string())),
                          text::of(valueOr(shown->result, "dtype", std::string())))
                     .arg(valueOr(shown->result, "threads", 0));
    if (rows && valueOr(shown->params, "lanes", nlohmann::json::array()).size() == 1)
        notes << tr("No method was on: only A was measured.");
    m_note->setText(notes.join(QLatin1Char(' ')));
    showPlot();
    const auto methods = rows ? methodSetFromJson(valueOr(shown->params, "methods", nlohmann::json::array()))
                              : Result<MethodSet>(MethodSet{});
    const bool stale = rows && model && methods && methods.value() != enabledMethods(workbench()->desk());
    if (stale && !running)
        setState(State::Stale, tr("methods changed"));
    else
        setState(running || (inView && inView->running) ? State::Live : State::Captured);
}

void SpeedPanel::showPlot()
{
    m_plot->clearPlottables();
    plots::style(m_plot);
    m_plot->xAxis->ticker()->setTickCount(3);
    const int count = int(m_model->rows().size());
    double low = 1, high = 1;
    QStringList spoken;
    for (int i = 0; i < count; ++i) {
        const SpeedRow& row = m_model->rows()[std::size_t(i)];
        if (!row.ratio)
            continue;
        const Metric& ratio = *row.ratio;
        const double y = count - 1 - i;
        const bool claimed = row.n >= 5 && claims(ratio, 1);
        QCPGraph* line = m_plot->addGraph();
        line->setPen(QPen(theme::color(claimed ? theme::Role::LaneB : theme::Role::LaneA), 2));
        line->setScatterStyle(QCPScatterStyle::ssNone);
        if (ratio.low && ratio.high)
            line->setData({*ratio.low, *ratio.high}, {y, y}, true);
        QCPGraph* dot = m_plot->addGraph();
        dot->setName(text::of(row.test));
        dot->setLineStyle(QCPGraph::lsNone);
        dot->setScatterStyle({claimed ? QCPScatterStyle::ssDisc : QCPScatterStyle::ssCircle,
                              theme::color(claimed ? theme::Role::LaneB : theme::Role::LaneA),
                              theme::color(claimed ? theme::Role::LaneB : theme::Role::Panel), 7});
        dot->addData(ratio.value, y);
        low = std::min({low, ratio.value, ratio.low.value_or(ratio.value)});
        high = std::max({high, ratio.value, ratio.high.value_or(ratio.value)});
        spoken << tr("%1: %2, %3")
                      .arg(text::of(row.test), text::interval(ratio.value, ratio.low, ratio.high, 3),
                           speedVerdict(row));
    }
    const double room = std::max(0.05, (high - low) * 0.15);
    m_plot->xAxis->setRange(low - room, high + room);
    // One line of the plot beside one line of the table, below its header.
    m_plot->axisRect()->setAutoMargins(QCP::msLeft | QCP::msRight | QCP::msBottom);
    QMargins margins = m_plot->axisRect()->margins();
    margins.setTop(m_table->horizontalHeader()->height());
    m_plot->axisRect()->setMargins(margins);
    const double lines = double(std::max(1, m_plot->axisRect()->height())) / kLine;
    m_plot->yAxis->setRange(count - 0.5 - std::max(lines, double(count)), count - 0.5);
    plots::mark(m_plot, QStringLiteral("equal"), true, 1, theme::color(theme::Role::TextThird));
    m_plot->setAccessibleDescription(spoken.join(QStringLiteral("; ")));
    m_plot->setVisible(!spoken.isEmpty() && width() > 700); // the table needs the room first: it says the same
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void SpeedPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    RepaintClock::instance().markDirty(this, [this] { refresh(); }); // lines keep their place beside the table
}

QString SpeedPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("test\tunit\tA mean\tA sd\tB mean\tB sd\tB/A\tlow\thigh\tn\tverdict\n");
    const auto exact = [](std::optional<double> value) { return value ? QString::number(*value, 'g', 9) : QString(); };
    for (const SpeedRow& row : m_model->rows())
        tsv += QStringList{text::of(row.test),
                           text::of(row.unit),
                           exact(row.a),
                           exact(row.sdA),
                           exact(row.b),
                           exact(row.sdB),
                           exact(row.ratio ? std::optional(row.ratio->value) : std::nullopt),
                           exact(row.ratio ? row.ratio->low : std::nullopt),
                           exact(row.ratio ? row.ratio->high : std::nullopt),
                           QString::number(row.n),
                           speedVerdict(row)}
                   .join(QLatin1Char('\t')) +
               QLatin1Char('\n');
    return tsv;
}

} // namespace ls
