#include "ui/panels/accuracy_panel.h"

#include "core/data/datasets.h"
#include "core/json_value.h"
#include "ui/client/engine_client.h"
#include "ui/models/metric_cache.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QSplitter>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

namespace {
constexpr int kContext = 256; // tokens of a perplexity window: enough windows for an interval on a short text
constexpr const char* kBuiltIn = "text/WikiText-2";
} // namespace

AccuracyPanel::AccuracyPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("accuracy"), tr("Accuracy dashboard"), workbench, parent)
    , m_tasks(new QComboBox)
    , m_limit(new QSpinBox)
    , m_run(new QPushButton(tr("Run")))
    , m_tabs(new QTabWidget)
    , m_forest(plots::make(QStringLiteral("acc.forest"), tr("Accuracy of A and B with intervals, by task")))
    , m_scroll(new QScrollArea)
    , m_details(new QLabel)
    , m_note(new QLabel)
    , m_flipped(new FlippedModel(this))
    , m_items(new QTableView)
    , m_item(new QPlainTextEdit)
{
    setHelp(tr("The choice with the highest log-probability after the prompt is the answer. Dots with 95 % intervals "
               "(Wilson) for A and B on the same items; the dotted tick is what guessing gives: a model with 135 M "
               "parameters is near it. The difference is paired over items (bootstrap), p is McNemar's, beside it "
               "Holm's for the tasks shown. A difference whose interval contains 0 is n.s."));
    m_run->setObjectName(QStringLiteral("acc.run"));
    m_run->setAccessibleName(tr("Run the task for A and B"));
    addOption(m_run);
    m_tasks->setObjectName(QStringLiteral("acc.tasks"));
    m_tasks->setAccessibleName(tr("Task"));
    m_tasks->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_tasks->setMinimumContentsLength(16);
    addTask(tr("%1 (%2)").arg(text::of(trueFalseTask().title)).arg(trueFalseTask().items.size()),
            QStringLiteral("truefalse"));
    std::size_t total = 0;
    for (const Task& task : mmluTasks())
        total += task.items.size();
    addTask(tr("%1 (%2)").arg(taskTitle("mmlu")).arg(total), QStringLiteral("mmlu"));
    for (const Task& task : mmluTasks())
        addTask(tr("%1 (%2)").arg(text::of(task.title)).arg(task.items.size()), text::of(task.name));
    addTask(tr("Perplexity: WikiText-2, built in"), QLatin1String(kBuiltIn));
    std::string builtIn;
    for (const std::string& paragraph : calibrationParagraphs())
        builtIn += paragraph + "\n\n";
    m_texts[QLatin1String(kBuiltIn)] = std::move(builtIn);
    m_tasks->addItem(tr("Items from a CSV file…"), QStringLiteral("file/csv"));
    m_tasks->addItem(tr("Perplexity of a text file…"), QStringLiteral("file/text"));
    m_limit->setObjectName(QStringLiteral("acc.limit"));
    m_limit->setAccessibleName(tr("At most this many items or tokens"));
    m_limit->setToolTip(tr("The first items, or tokens of a text; 0 = all"));
    m_limit->setRange(0, 1000000);
    m_limit->setSpecialValueText(tr("all"));
    auto* strip = new QWidget;
    auto* row = new QHBoxLayout(strip);
    row->setContentsMargins(10, 6, 10, 4);
    row->addWidget(m_tasks, 1);
    row->addWidget(m_limit);
    setStrip(strip);

    m_forest->setInteractions({});
    plots::axes(m_forest, tr("accuracy, % (95 % interval)"), {});
    m_forest->yAxis->grid()->setVisible(false);
    m_scroll->setWidget(m_forest);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_details->setObjectName(QStringLiteral("acc.details"));
    m_details->setWordWrap(true);
    m_details->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_details->setContentsMargins(10, 2, 10, 2);
    m_note->setObjectName(QStringLiteral("acc.note"));
    m_note->setProperty("role", "third");
    m_note->setWordWrap(true);
    m_note->setContentsMargins(10, 2, 10, 6);
    auto* results = new QWidget;
    auto* column = new QVBoxLayout(results);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(2);
    column->addWidget(m_scroll, 1);
    column->addWidget(m_details);
    m_items->setObjectName(QStringLiteral("acc.items"));
    m_items->setAccessibleName(tr("Items that A and B answer differently"));
    m_items->setModel(m_flipped);
    m_items->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_items->setSelectionMode(QAbstractItemView::SingleSelection);
    m_items->setShowGrid(false);
    m_items->setWordWrap(false);
    m_items->verticalHeader()->hide();
    m_items->verticalHeader()->setDefaultSectionSize(23);
    m_items->horizontalHeader()->setHighlightSections(false);
    m_items->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_items->horizontalHeader()->setStretchLastSection(true);
    m_item->setObjectName(QStringLiteral("acc.item"));
    m_item->setAccessibleName(tr("The item with its choices and both answers"));
    m_item->setReadOnly(true);
    auto* flipped = new QSplitter(Qt::Vertical);
    flipped->addWidget(m_items);
    flipped->addWidget(m_item);
    flipped->setSizes({220, 160});
    flipped->setChildrenCollapsible(false);
    m_tabs->setObjectName(QStringLiteral("acc.tabs"));
    m_tabs->setAccessibleName(tr("Results or flipped items"));
    m_tabs->addTab(results, tr("Results"));
    m_tabs->addTab(flipped, tr("Flipped items"));
    setContent(m_tabs);
    setFooter(m_note);
    refresh();

    connect(m_run, &QPushButton::clicked, this, &AccuracyPanel::run);
    connect(this, &Panel::actionRequested, this, &AccuracyPanel::run);
    connect(m_tasks, &QComboBox::activated, this, &AccuracyPanel::chosen);
    connect(m_items->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex& now) { m_item->setPlainText(m_flipped->details(now.row())); });
    connect(m_flipped, &QAbstractItemModel::modelReset, m_item, &QPlainTextEdit::clear);
    connect(m_forest, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        const int line = int(m_rows.size()) - 1 - int(std::lround(m_forest->yAxis->pixelToCoord(event->pos().y())));
        if (line >= 0 && line < int(m_rows.size()))
            choose(text::of(m_rows[std::size_t(line)]));
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(m_tasks, &QComboBox::currentIndexChanged, this, later);
    connect(m_tabs, &QTabWidget::currentChanged, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    connect(workbench, &Workbench::sessionChanged, this, [this] { m_flipped->setExperiment(nullptr); });
    for (const auto signal : {&Workbench::modelChanged, &Workbench::sessionChanged, &Workbench::deskChanged})
        connect(workbench, signal, this, later);
}

void AccuracyPanel::addTask(const QString& title, const QString& id)
{
    const int at = m_tasks->findData(QStringLiteral("file/csv"));
    m_tasks->insertItem(at < 0 ? m_tasks->count() : at, title, id);
}

void AccuracyPanel::choose(const QString& id)
{
    if (const int index = m_tasks->findData(id); index >= 0) {
        m_tasks->setCurrentIndex(index);
        m_last = index;
    }
}

bool AccuracyPanel::isText() const
{
    return m_tasks->currentData().toString().startsWith(QLatin1String("text/"));
}

void AccuracyPanel::chosen(int index)
{
    const QString id = m_tasks->itemData(index).toString();
    if (!id.startsWith(QLatin1String("file/"))) {
        m_last = index;
        return;
    }
    m_tasks->setCurrentIndex(m_last); // until there is a file
    const bool csv = id == QLatin1String("file/csv");
    auto* dialog = new QFileDialog(this, csv ? tr("Items from a CSV file") : tr("Perplexity of a text file"), {},
                                   csv ? tr("CSV (*.csv);;All files (*)") : tr("Text (*.txt *.md);;All files (*)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this,
            [this, csv](const QString& path) { csv ? addCsv(path) : addText(path); });
    dialog->open();
}

bool AccuracyPanel::addCsv(const QString& path)
{
    auto task = taskFromCsv(path.toStdString());
    if (!task) {
        Q_EMIT workbench()->problem(task.error());
        return false;
    }
    const QString id = text::of(task.value().name);
    if (!m_own.contains(id))
        addTask(tr("CSV: %1 (%2)").arg(text::of(task.value().title)).arg(task.value().items.size()), id);
    m_own[id] = std::move(task).value();
    choose(id);
    return true;
}

bool AccuracyPanel::addText(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        Q_EMIT workbench()->problem({Errc::FileNotFound, tr("%1 cannot be read.").arg(path).toStdString(),
                                     tr("Choose another file.").toStdString(), file.errorString().toStdString()});
        return false;
    }
    const QString name = QFileInfo(path).completeBaseName(), id = QStringLiteral("text/") + name;
    if (!m_texts.contains(id))
        addTask(tr("Perplexity: %1").arg(name), id);
    m_texts[id] = file.readAll().toStdString();
    choose(id);
    return true;
}

ExperimentData* AccuracyPanel::running() const
{
    for (const char* kind : {"accuracy", "perplexity"})
        if (ExperimentData* last = workbench()->latestExperiment(QLatin1String(kind)); last && last->state == "running")
            return last;
    return nullptr;
}

void AccuracyPanel::run()
{
    if (ExperimentData* now = running()) {
        workbench()->cancelExperiment(now);
        return;
    }
    const QString id = m_tasks->currentData().toString();
    const MethodSet methods = enabledMethods(workbench()->desk());
    if (isText()) {
        workbench()->runExperiment(QStringLiteral("perplexity"),
                                   {{"text", m_texts[id]},
                                    {"name", id.mid(5).toStdString()},
                                    {"methods", toJson(methods)},
                                    {"lanes", methods.empty() ? nlohmann::json{"A"} : nlohmann::json{"A", "B"}},
                                    {"context", kContext},
                                    {"max_tokens", m_limit->value()}});
        return;
    }
    const auto own = m_own.find(id);
    const auto task = own != m_own.end() ? Result<Task>(own->second) : taskByName(id.toStdString());
    if (task)
        workbench()->runExperiment(QStringLiteral("accuracy"), accuracyParams(task.value(), methods, m_limit->value()));
    else
        Q_EMIT workbench()->problem(task.error());
}

void AccuracyPanel::refresh()
{
    const bool model = workbench()->client()->model().has_value();
    const ExperimentData* now = running();
    m_run->setText(now ? tr("Stop") : tr("Run"));
    m_run->setEnabled(now || model);
    m_run->setToolTip(now     ? tr("Stop; the items so far stay")
                      : model ? tr("The same items through A and B, interleaved")
                              : tr("Open the model to run a task."));
    m_limit->setSuffix(isText() ? tr(" tokens") : tr(" items"));
    const auto results =
        workbench()->session() ? accuracyResults(*workbench()->session()) : std::vector<AccuracyResult>{};
    const ExperimentData* text = workbench()->latestExperiment(QStringLiteral("perplexity"));
    const ExperimentData* last =
        workbench()->latestExperiment(isText() ? QStringLiteral("perplexity") : QStringLiteral("accuracy"));
    m_note->setText(now ? tr("%1: %2 of %3. Generating goes first.")
                              .arg(now->kind == "accuracy"
                                       ? taskTitle(valueOr(now->params, "task", std::string("task")))
                                       : tr("Perplexity"))
                              .arg(now->done)
                              .arg(now->total)
                    : last && last->failure ? text::sentence(*last->failure)
                                            : QString());
    m_note->setVisible(!m_note->text().isEmpty());
    if (results.empty() && !(text && !text->rows.empty())) {
        if (now)
            setState(State::Loading, tr("Scoring the first items."), tr("Stop"));
        else if (last && last->failure)
            setState(State::Error, text::sentence(*last->failure), model ? tr("Run") : QString());
        else if (model)
            setState(State::Empty, tr("Choose a task; A and B answer the same items."), tr("Run"));
        else
            setState(State::Unavailable, tr("No accuracy was measured in this session. Open the model to do so."));
        return;
    }
    const std::string chosen = m_tasks->currentData().toString().toStdString();
    const auto same = [&](const AccuracyResult& result) {
        return valueOr(result.experiment->params, "task", std::string()) == chosen;
    };
    auto shown = std::find_if(results.begin(), results.end(), same);
    if (shown == results.end() && !isText() && !results.empty())
        shown = results.end() - 1; // nothing of the chosen one yet
    m_scroll->setVisible(!results.empty());
    showForest(results);
    const bool item = shown != results.end();
    m_details->setText(isText() ? describePerplexity() : item ? describe(*shown, int(results.size())) : QString());
    if (m_tabs->currentIndex() == 1 || !now)
        m_flipped->setExperiment(item ? shown->experiment : nullptr);
    m_tabs->setTabText(1, tr("Flipped items (%1)").arg(m_flipped->rowCount()));
    const ExperimentData* origin = isText() ? text : item ? shown->experiment : nullptr;
    const auto methods = methodSetFromJson(origin ? valueOr(origin->params, "methods", nlohmann::json::array())
                                                  : nlohmann::json::array());
    if (origin && model && !now && methods && methods.value() != enabledMethods(workbench()->desk()))
        setState(State::Stale, tr("methods changed"));
    else
        setState(now ? State::Live : State::Captured);
}

void AccuracyPanel::showForest(const std::vector<AccuracyResult>& results)
{
    m_forest->clearPlottables();
    m_forest->clearItems();
    plots::style(m_forest);
    m_rows.clear();
    const int count = int(results.size());
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    QStringList spoken;
    double low = 100, high = 0;
    const auto dot = [&](const std::optional<Metric>& metric, const QString& lane, double y) {
        if (!metric)
            return;
        QCPGraph* line = m_forest->addGraph();
        line->setPen(QPen(theme::laneColor(lane), 2));
        line->setData({metric->low.value_or(metric->value), metric->high.value_or(metric->value)}, {y, y}, true);
        QCPGraph* point = m_forest->addGraph();
        point->setName(lane);
        point->setLineStyle(QCPGraph::lsNone);
        point->setScatterStyle({lane == QLatin1String("A") ? QCPScatterStyle::ssDisc : QCPScatterStyle::ssSquare,
                                theme::laneColor(lane), theme::laneColor(lane), 7});
        point->addData(metric->value, y);
        low = std::min({low, metric->value, metric->low.value_or(metric->value)});
        high = std::max({high, metric->value, metric->high.value_or(metric->value)});
    };
    for (int i = 0; i < count; ++i) {
        const AccuracyResult& result = results[std::size_t(i)];
        const double y = count - 1 - i;
        m_rows.push_back(valueOr(result.experiment->params, "task", std::string()));
        const int n = result.a ? result.a->n : result.b ? result.b->n : 0;
        QString title = result.title;
        title.replace(QStringLiteral("MMLU: "), QString()).replace(QLatin1Char('_'), QLatin1Char(' '));
        ticker->addTick(y,
                        QStringLiteral("%1\nn = %2")
                            .arg(QFontMetrics(m_forest->yAxis->tickLabelFont()).elidedText(title, Qt::ElideRight, 104),
                                 QString::number(n)));
        dot(result.a, QStringLiteral("A"), y + 0.14);
        dot(result.b, QStringLiteral("B"), y - 0.14);
        low = std::min(low, result.chance);
        high = std::max(high, result.chance);
        auto* chance = new QCPItemLine(m_forest);
        chance->setPen(QPen(theme::color(theme::Role::TextThird), 1.4, Qt::DotLine));
        chance->start->setCoords(result.chance, y - 0.36);
        chance->end->setCoords(result.chance, y + 0.36);
        if (result.difference) {
            auto* verdict = new QCPItemText(m_forest);
            verdict->setText(accuracyVerdict(result));
            verdict->setFont(m_forest->xAxis->tickLabelFont());
            verdict->setColor(theme::color(!claims(*result.difference, 0) ? theme::Role::TextThird
                                           : result.difference->value > 0 ? theme::Role::Good
                                                                          : theme::Role::Error));
            verdict->setPositionAlignment(Qt::AlignRight | Qt::AlignVCenter);
            verdict->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
            verdict->position->setCoords(1, y);
        }
        spoken << tr("%1: A %2, B %3, chance %4, %5")
                      .arg(result.title, result.a ? text::number(result.a->value, 1) : QStringLiteral("—"),
                           result.b ? text::number(result.b->value, 1) : QStringLiteral("—"),
                           text::number(result.chance, 1), accuracyVerdict(result));
    }
    m_forest->yAxis->setTicker(ticker);
    m_forest->yAxis->setRange(-0.6, count - 0.4);
    const double room = std::max(2.0, (high - low) * 0.08);
    m_forest->xAxis->setRange(std::max(0.0, low - room), high + room + (high - low) * 0.18); // the verdict's column
    m_forest->xAxis->ticker()->setTickCount(4);
    m_forest->setMinimumHeight(std::min(16, count) * 38 + 46);
    m_forest->setAccessibleDescription(spoken.join(QStringLiteral("; ")));
    m_forest->replot(QCustomPlot::rpQueuedReplot);
}

QString AccuracyPanel::describe(const AccuracyResult& result, int shown) const
{
    const auto value = [](const std::optional<Metric>& metric, int digits) {
        return metric ? text::interval(metric->value, metric->low, metric->high, digits) : QStringLiteral("—");
    };
    QStringList lines{tr("<b>%1</b>, %2 items; guessing gives %3 %")
                          .arg(result.title.toHtmlEscaped())
                          .arg(result.a ? result.a->n : 0)
                          .arg(text::number(result.chance, 1))};
    lines << tr("A %1 % · B %2 %").arg(value(result.a, 1), value(result.b, 1));
    if (result.difference) {
        QString line =
            tr("B − A %1 points, %2; McNemar p %3")
                .arg(value(result.difference, 1), accuracyVerdict(result), text::number(result.p.value_or(1), 3));
        if (shown > 1 && result.holm)
            line += tr(", Holm %1").arg(text::number(*result.holm, 3));
        lines << line;
    }
    if (result.aurocA || result.aurocB) {
        QString line = tr("AUROC A %1, B %2").arg(value(result.aurocA, 3), value(result.aurocB, 3));
        if (result.aurocDifference)
            line += claims(*result.aurocDifference, 0) ? tr("; B − A %1").arg(value(result.aurocDifference, 3))
                                                       : tr("; B − A n.s.");
        lines << line;
    }
    return lines.join(QStringLiteral("<br>"));
}

QString AccuracyPanel::describePerplexity() const
{
    const ExperimentData* experiment = workbench()->latestExperiment(QStringLiteral("perplexity"));
    if (!experiment || experiment->rows.empty())
        return tr("No perplexity was measured yet.");
    const auto& metrics = MetricCache::instance().of(*experiment);
    const auto value = [&metrics](const char* name, const char* lane, int digits) {
        const Metric* metric = findMetric(metrics, name, lane);
        return metric ? text::interval(metric->value, metric->low, metric->high, digits) : QStringLiteral("—");
    };
    const Metric* any = findMetric(metrics, "perplexity", "A");
    QStringList lines{tr("<b>Perplexity</b> of %1, %2 windows of %3 tokens")
                          .arg(text::of(valueOr(experiment->params, "name", std::string("the text"))).toHtmlEscaped())
                          .arg(any ? any->n : 0)
                          .arg(valueOr(experiment->params, "context", 0))};
    lines << tr("A %1 · B %2").arg(value("perplexity", "A", 2), value("perplexity", "B", 2));
    if (const Metric* difference = findMetric(metrics, "nll", "B-A"))
        lines << tr("B − A %1 nats per token, %2")
                     .arg(value("nll", "B-A", 4),
                          claims(*difference, 0) ? difference->value > 0 ? tr("worse") : tr("better") : tr("n.s."));
    return lines.join(QStringLiteral("<br>"));
}

QString AccuracyPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("measure\tlane\tunit\tvalue\tlow\thigh\tn\n");
    const auto exact = [](std::optional<double> value) { return value ? QString::number(*value, 'g', 9) : QString(); };
    const auto add = [&](const Metric& metric) {
        tsv += QStringList{text::of(metric.name), text::of(metric.lane), text::of(metric.unit),    exact(metric.value),
                           exact(metric.low),     exact(metric.high),    QString::number(metric.n)}
                   .join(QLatin1Char('\t')) +
               QLatin1Char('\n');
    };
    if (!workbench()->session())
        return tsv;
    for (const AccuracyResult& result : accuracyResults(*workbench()->session())) {
        for (const Metric& metric : MetricCache::instance().of(*result.experiment))
            add(metric);
        tsv += QStringLiteral("chance/%1\t\t%\t%2\t\t\t\n")
                   .arg(text::of(valueOr(result.experiment->params, "task", std::string())), exact(result.chance));
    }
    if (const ExperimentData* text = workbench()->latestExperiment(QStringLiteral("perplexity")))
        for (const Metric& metric : MetricCache::instance().of(*text))
            add(metric);
    return tsv;
}

} // namespace ls
