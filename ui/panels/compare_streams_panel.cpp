#include "ui/panels/compare_streams_panel.h"

#include "core/json_value.h"
#include "core/report/metrics.h"
#include "core/stats/summary.h"
#include "ui/client/engine_client.h"
#include "ui/models/fill_in.h"
#include "ui/models/metric_cache.h"
#include "ui/models/run_values.h"
#include "ui/plots/pattern_key.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QLabel>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace ls {

CompareStreamsPanel::CompareStreamsPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("compareStreams"), tr("Compare: KL per token"), workbench, parent)
    , m_kl(plots::make(QStringLiteral("compare.kl"), tr("KL of lane B's next-token distribution from A's, by token")))
    , m_byBlock(plots::make(QStringLiteral("compare.byBlock"), tr("Mean distance of the streams by block")))
    , m_streams(new HeatMap(QStringLiteral("compare.streams"), tr("Distance of the streams by block and token")))
    , m_key(new PatternKey(QStringLiteral("compare.key")))
    , m_note(new QLabel)
    , m_fillIn(new QPushButton(tr("Fill in")))
{
    setHelp(tr("Top: KL(A‖B) in nats of the next-token distributions. Solid bars are live and end at the first "
               "divergence: afterwards the lanes read other texts. Outlined bars are filled in on request: B's text is "
               "read by A without methods and by B with its methods. Below: 1 − cosine of the streams after each "
               "block, as tapped while both lanes read the same text, and its mean by block."));
    m_fillIn->setObjectName(QStringLiteral("compare.fillIn"));
    m_fillIn->setAccessibleName(tr("Fill in the KL after the divergence"));
    addOption(m_fillIn);
    plots::axes(m_kl, {}, tr("KL, nats"));
    m_kl->yAxis->ticker()->setTickCount(3);
    m_kl->axisRect()->setRangeDrag(Qt::Horizontal);
    m_kl->axisRect()->setRangeZoom(Qt::Horizontal);
    plots::axes(m_byBlock, tr("mean 1 − cos"), {});
    m_byBlock->setInteractions({});
    m_streams->setAxisTitles({}, tr("block"));
    m_streams->axisRect()->setMinimumMargins(QMargins(70, 4, 0, 0)); // room for the numbers of the bars above, too
    m_note->setObjectName(QStringLiteral("compare.note"));
    m_note->setProperty("role", "third");
    m_note->setWordWrap(true);
    m_note->setContentsMargins(10, 2, 10, 6);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(2, 2, 2, 0);
    column->setSpacing(0);
    m_lower = new QSplitter(Qt::Horizontal);
    m_lower->addWidget(m_streams);
    m_lower->addWidget(m_byBlock);
    m_lower->setSizes({560, 130});
    m_lower->setStretchFactor(0, 1);
    m_lower->setChildrenCollapsible(false);
    m_kl->setMinimumHeight(70);
    column->addWidget(m_kl, 1);
    column->addWidget(m_lower, 2);
    column->addWidget(m_key);
    column->addWidget(m_note);
    setContent(body);
    refresh();

    connect(m_fillIn, &QPushButton::clicked, this, &CompareStreamsPanel::fillIn);
    connect(this, &Panel::actionRequested, this, &CompareStreamsPanel::fillIn);
    connect(m_streams->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            [this](const QCPRange& range) { // one token axis for both
                m_kl->xAxis->setRange(range);
                m_kl->replot(QCustomPlot::rpQueuedReplot);
            });
    connect(m_streams, &QCustomPlot::afterReplot, this, &CompareStreamsPanel::alignAxes);
    const auto select = [this](int position, int block) {
        Selection selection = this->workbench()->selection();
        selection.lane = QStringLiteral("B");
        selection.position = position;
        if (block >= 0)
            selection.block = block;
        this->workbench()->select(selection);
    };
    connect(m_streams, &HeatMap::cellClicked, this, [select](int token, int layer) { select(token, layer - 1); });
    connect(m_kl, &QCustomPlot::mousePress, this, [this, select](QMouseEvent* event) {
        const int position = int(std::lround(m_kl->xAxis->pixelToCoord(event->pos().x())));
        const RunData* run = this->workbench()->run();
        const LaneData* lane = run ? run->lane("B") : nullptr;
        if (lane && position >= 0 && position < int(lane->tokens.size()))
            select(position, -1);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::selectionChanged, &Workbench::generationStateChanged,
                              &Workbench::modelChanged})
        connect(workbench, signal, this, later);
}

ExperimentData* CompareStreamsPanel::filled() const
{
    const RunData* run = workbench()->run();
    return run && workbench()->session() ? fillInOf(*workbench()->session(), *run) : nullptr;
}

void CompareStreamsPanel::fillIn()
{
    ExperimentData* experiment = filled();
    if (experiment && experiment->state == "running")
        workbench()->cancelExperiment(experiment);
    else if (const RunData* run = workbench()->run())
        workbench()->runExperiment(QStringLiteral("fill_in"), fillInParams(*run));
}

void CompareStreamsPanel::refresh()
{
    const RunData* run = workbench()->run();
    const LaneData* lane = run ? run->lane("B") : nullptr;
    const ExperimentData* experiment = lane ? filled() : nullptr;
    const bool running = experiment && experiment->state == "running";
    const auto& model = workbench()->client()->model();
    const QString reason = !lane || lane->text().empty() ? tr("Generate with lane B first.")
                           : run->running                ? tr("Available when the generation has ended.")
                           : !model                      ? tr("Open the model to fill in.")
                           : model->fingerprint != run->model.fingerprint
                               ? tr("The run was made by another model than the open one.")
                               : QString();
    m_fillIn->setEnabled(reason.isEmpty());
    m_fillIn->setText(running ? tr("Stop") : tr("Fill in"));
    m_fillIn->setToolTip(reason.isEmpty() ? tr("Reads B's text through A and B, so that every token has a KL")
                                          : reason);
    if (!lane || lane->tokens.empty()) {
        setState(State::Empty, run && !run->lanes.empty() && !run->running
                                   ? tr("This run has one lane: there is no KL. Choose another run.")
                                   : tr("Generate with lanes A and B to see where they part."));
        return;
    }
    const bool rows = experiment && !experiment->rows.empty();
    if (!lane->taps.contains("kl") && !rows) {
        if (run->running)
            setState(State::Loading, tr("Waiting for the first token of lane B."));
        else if (experiment && experiment->failure)
            setState(State::Error, text::sentence(*experiment->failure), reason.isEmpty() ? tr("Fill in") : QString());
        else
            setState(State::Unavailable, tr("The run was stored without KL. %1").arg(reason),
                     reason.isEmpty() ? tr("Fill in") : QString());
        return;
    }
    showKl();
    m_lower->setVisible(showStreams());
    showNote();
    setState(run->running ? State::Live : State::Captured);
}

void CompareStreamsPanel::showKl()
{
    const RunData& run = *workbench()->run();
    const LaneData& lane = *run.lane("B");
    const ExperimentData* experiment = filled();
    m_kl->clearPlottables();
    m_kl->clearItems();
    plots::style(m_kl);
    m_kl->xAxis->grid()->setVisible(false);
    const QColor color = theme::laneColor(QStringLiteral("B"));
    const auto bars = [&](const char* name) {
        auto* made = new QCPBars(m_kl->xAxis, m_kl->yAxis);
        made->setName(QLatin1String(name));
        made->setWidth(0.85);
        return made;
    };
    QCPBars* live = bars("live");
    live->setPen(Qt::NoPen);
    live->setBrush(color);
    double largest = 0;
    for (int i = 0; i < int(lane.tokens.size()); ++i)
        if (const double kl = values::ofToken(lane, QStringLiteral("kl"), i, -1); std::isfinite(kl)) {
            live->addData(i, kl);
            largest = std::max(largest, kl);
        }
    QCPBars* later = bars("filled in");
    QColor pale = color;
    pale.setAlpha(150);
    later->setPen(QPen(pale, 1));
    later->setBrush(patterns::filledIn(pale));
    if (experiment)
        for (const auto& row : experiment->rows) {
            const int position = valueOr(row, "position", -1);
            if (lane.tap("kl", position) || !row.contains("kl") || !row["kl"].is_number())
                continue; // what was live stays as it was
            const double kl = row["kl"].get<double>();
            later->addData(position, kl);
            largest = std::max(largest, kl);
        }
    if (lane.divergence) {
        plots::mark(m_kl, QStringLiteral("divergence"), true, *lane.divergence, color);
        const LaneData* baseline = run.lane("A");
        const auto at = std::size_t(*lane.divergence);
        if (baseline && at < baseline->tokens.size() && at < lane.tokens.size()) {
            auto* words = new QCPItemText(m_kl);
            const auto readable = [](const TokenData& token) {
                const QString trimmed = text::token(token.text).trimmed();
                return trimmed.isEmpty() ? QStringLiteral("␣") : trimmed; // a token of blanks is one to see, too
            };
            words->setText(tr("A “%1”  B “%2”").arg(readable(baseline->tokens[at]), readable(lane.tokens[at])));
            words->setColor(color);
            words->setFont(m_kl->xAxis->tickLabelFont());
            words->setBrush(QBrush(theme::color(theme::Role::Panel)));
            words->setPadding(QMargins(4, 0, 4, 0));
            words->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
            words->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
            words->position->setCoords(double(at) + 0.6, 0);
        }
    }
    if (const int position = workbench()->selection().position; position >= 0)
        plots::mark(m_kl, QStringLiteral("selected"), true, position, theme::color(theme::Role::Accent), Qt::SolidLine);
    m_kl->yAxis->setRange(0, std::max(largest * 1.3, 1e-3)); // the words stand above the bars
    if (!lane.taps.contains("stream_distance")) {
        m_kl->xAxis->setRange(lane.promptTokens() - 0.5, double(lane.tokens.size()) - 0.5);
        m_kl->xAxis->setLabel(tr("token"));
    } else {
        m_kl->xAxis->setLabel({});
    }
    m_key->setEntries({{tr("live"), patterns::measured(color), false},
                       {tr("filled in afterwards"), patterns::filledIn(pale), true},
                       {tr("no value"), patterns::noValue(), false}});
    m_kl->setAccessibleDescription(tr("%1 tokens live, %2 filled in, largest KL %3 nats")
                                       .arg(live->dataCount())
                                       .arg(later->dataCount())
                                       .arg(largest, 0, 'g', 3));
    m_kl->replot(QCustomPlot::rpQueuedReplot);
}

bool CompareStreamsPanel::showStreams()
{
    const RunData& run = *workbench()->run();
    const LaneData& lane = *run.lane("B");
    const auto taps = lane.taps.find("stream_distance");
    if (taps == lane.taps.end() || taps->second.empty())
        return false;
    const int columns = int(lane.tokens.size());
    std::vector<std::vector<float>> cells(std::size_t(columns), std::vector<float>{});
    std::vector<std::vector<double>> byLayer;
    for (const auto& [position, tap] : taps->second) {
        if (position < 0 || position >= columns)
            continue;
        auto& cell = cells[std::size_t(position)] = tap.value.floats();
        byLayer.resize(std::max(byLayer.size(), cell.size()));
        for (std::size_t layer = 0; layer < cell.size(); ++layer)
            byLayer[layer].push_back(double(cell[layer]));
    }
    QStringList names, layers{tr("emb")};
    for (const TokenData& token : lane.tokens)
        names << text::token(token.text);
    for (int block = 0; block + 1 < int(byLayer.size()); ++block)
        layers << QString::number(block);
    m_streams->setData(cells, names, layers, {}, tr("1 − cos"));
    if (m_shown != std::pair(run.id, columns)) { // the reply; the prompt can be dragged into view
        m_shown = {run.id, columns};
        m_streams->xAxis->setRange(lane.promptTokens() - 0.5, std::max(columns, lane.promptTokens() + 4) - 0.5);
    }
    const Selection& selection = workbench()->selection();
    m_streams->setCrosshair(selection.position, selection.block >= 0 ? selection.block + 1 : -1);

    m_byBlock->clearPlottables();
    plots::style(m_byBlock);
    auto* bars = new QCPBars(m_byBlock->yAxis, m_byBlock->xAxis);
    bars->setWidth(0.8);
    bars->setPen(Qt::NoPen);
    bars->setBrush(theme::color(theme::Role::LaneA));
    for (std::size_t layer = 0; layer < byLayer.size(); ++layer)
        bars->addData(double(layer), mean(byLayer[layer]));
    m_byBlock->yAxis->setTickLabels(false);
    m_byBlock->yAxis->grid()->setVisible(false);
    m_byBlock->yAxis->setRange(-1.0, double(byLayer.size()) - 0.5);
    m_byBlock->xAxis->rescale();
    m_byBlock->xAxis->setRangeLower(0);
    m_byBlock->xAxis->ticker()->setTickCount(2);
    m_byBlock->replot(QCustomPlot::rpQueuedReplot);
    return true;
}

void CompareStreamsPanel::showNote()
{
    const RunData& run = *workbench()->run();
    const ExperimentData* experiment = filled();
    QStringList parts;
    if (const auto metrics = runMetrics(run); const Metric* live = findMetric(metrics, "kl_live", "B-A"))
        parts << tr("Live, up to the divergence: mean %1 nats, n = %2 tokens.")
                     .arg(text::number(live->value, 4))
                     .arg(live->n);
    if (experiment && experiment->state == "running")
        parts << tr("Filling in: %1 of %2. Generating goes first.").arg(experiment->done).arg(experiment->total);
    else if (experiment && experiment->failure)
        parts << text::sentence(*experiment->failure);
    if (experiment && !experiment->rows.empty()) {
        if (const Metric* all = findMetric(MetricCache::instance().of(*experiment), "kl_fill_in", "B-A"))
            parts << tr("Outlined: filled in, B's text read by A; whole reply: mean %1 nats, n = %2 tokens.")
                         .arg(text::interval(all->value, all->low, all->high, 4))
                         .arg(all->n);
        if (run.toggles.size() > 0)
            parts << tr("Methods were switched during the run; filled in is with the last ones from the start.");
    } else if (run.lane("B")->divergence && !run.running) {
        parts << tr("After the divergence: nothing measured yet.");
    }
    m_note->setText(parts.join(QLatin1Char(' ')));
}

void CompareStreamsPanel::alignAxes()
{
    // The map's plot area decides; the bars above take the same left and right edge.
    const QRect area = m_streams->axisRect()->rect();
    const QMargins wanted(
        area.left() + m_streams->mapTo(this, QPoint()).x() - m_kl->mapTo(this, QPoint()).x(), 0,
        m_kl->width() - 1 - area.right() - m_streams->mapTo(this, QPoint()).x() + m_kl->mapTo(this, QPoint()).x(), 0);
    if (!m_lower->isVisibleTo(this) || wanted.left() < 20 || wanted.right() < 0) {
        m_kl->axisRect()->setAutoMargins(QCP::msAll);
        return;
    }
    // Blocks stand beside their row of the map.
    m_byBlock->axisRect()->setAutoMargins(QCP::msLeft | QCP::msRight);
    QMargins beside = m_byBlock->axisRect()->margins();
    const int below = std::max(34, m_streams->height() - 1 - area.bottom());
    if (beside.top() != area.top() || beside.bottom() != below) {
        beside.setTop(area.top());
        beside.setBottom(below);
        m_byBlock->axisRect()->setMargins(beside);
        m_byBlock->replot(QCustomPlot::rpQueuedReplot);
    }
    QMargins margins = m_kl->axisRect()->margins();
    if (margins.left() == wanted.left() && margins.right() == wanted.right())
        return;
    m_kl->axisRect()->setAutoMargins(QCP::msTop | QCP::msBottom);
    margins.setLeft(wanted.left());
    margins.setRight(wanted.right());
    m_kl->axisRect()->setMargins(margins);
    m_kl->replot(QCustomPlot::rpQueuedReplot);
}

void CompareStreamsPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    alignAxes();
}

QString CompareStreamsPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("position\ttext\tKL (nats)\torigin\n");
    const RunData* run = workbench()->run();
    const LaneData* lane = run ? run->lane("B") : nullptr;
    if (!lane)
        return tsv;
    std::map<int, std::pair<double, QString>> kl;
    if (const ExperimentData* experiment = filled())
        for (const auto& row : experiment->rows)
            if (row.contains("kl") && row["kl"].is_number())
                kl[valueOr(row, "position", -1)] = {row["kl"].get<double>(), QStringLiteral("filled in")};
    for (int i = 0; i < int(lane->tokens.size()); ++i)
        if (const double live = values::ofToken(*lane, QStringLiteral("kl"), i, -1); std::isfinite(live))
            kl[i] = {live, QStringLiteral("live")};
    for (const auto& [position, value] : kl)
        if (position >= 0 && position < int(lane->tokens.size()))
            tsv += QStringLiteral("%1\t%2\t%3\t%4\n")
                       .arg(position)
                       .arg(text::token(lane->tokens[std::size_t(position)].text))
                       .arg(value.first, 0, 'g', 7)
                       .arg(value.second);
    return tsv;
}

} // namespace ls
