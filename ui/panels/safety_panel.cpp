#include "ui/panels/safety_panel.h"

#include "core/data/datasets.h"
#include "ui/client/engine_client.h"
#include "ui/models/metric_cache.h"
#include "ui/models/run_values.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>

#include <cmath>

namespace ls {

SafetyPanel::SafetyPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("safety"), tr("Safety state"), workbench, parent)
    , m_byToken(plots::make(QStringLiteral("safety.byToken"), tr("Safety score by token")))
    , m_byBlock(plots::make(QStringLiteral("safety.byBlock"), tr("AUROC of the held-out half by block")))
    , m_list(new QTableWidget(0, 3))
    , m_note(new QLabel)
    , m_fit(new QPushButton(tr("Fit on XSTest")))
{
    setHelp(tr("Difference of means between harmful and harmless prompts of XSTest at the last prompt token, as a unit "
               "vector per block. Score = (x·u − midpoint) / standard deviation of the training half; plus = harmful. "
               "The AUROC is that of the other half, listed for every block; none is chosen on it. Small models "
               "separate only moderately: expect .75 to .8 for 135 million parameters."));
    m_list->setObjectName(QStringLiteral("safety.list"));
    m_list->setAccessibleName(tr("AUROC of the held-out half for every block"));
    m_list->setHorizontalHeaderLabels({tr("after"), tr("AUROC"), tr("95 %")});
    m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_list->verticalHeader()->hide();
    m_list->verticalHeader()->setDefaultSectionSize(20);
    m_list->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_list->setSelectionBehavior(QAbstractItemView::SelectRows);
    for (const int numbers : {1, 2})
        m_list->horizontalHeader()->setSectionResizeMode(numbers, QHeaderView::ResizeToContents);
    m_fit->setObjectName(QStringLiteral("safety.train"));
    m_fit->setAccessibleName(tr("Fit the direction on XSTest"));
    addOption(m_fit);
    m_note->setWordWrap(true);
    m_note->setProperty("role", "third");
    plots::axes(m_byToken, tr("token"), tr("score, train sd"));
    plots::axes(m_byBlock, tr("block"), tr("AUROC"));
    for (QCustomPlot* plot : {m_byToken, m_byBlock}) { // low panels are narrow, too
        plot->xAxis->ticker()->setTickCount(3);
        plot->yAxis->ticker()->setTickCount(4);
    }
    auto* body = new QWidget;
    m_grid = new QGridLayout(body);
    m_grid->setContentsMargins(4, 4, 4, 4);
    m_grid->addWidget(m_note, 2, 0, 1, 3);
    m_grid->setRowStretch(0, 1);
    arrange();
    setContent(body);
    setState(State::Empty, tr("Fit the direction once, then generate."), tr("Fit on XSTest (450 prompts)"));
    connect(m_fit, &QPushButton::clicked, this, &SafetyPanel::fit);
    connect(this, &Panel::actionRequested, this, &SafetyPanel::fit);
    connect(m_list, &QTableWidget::cellClicked, this, [this](int row, int) {
        Selection selection = this->workbench()->selection();
        selection.block = row - 1;
        this->workbench()->select(selection);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    connect(workbench, &Workbench::sessionChanged, this, [this] { m_listed = -1; });
    for (const auto signal : {&Workbench::runChanged, &Workbench::selectionChanged, &Workbench::generationStateChanged,
                              &Workbench::sessionChanged, &Workbench::modelChanged})
        connect(workbench, signal, this, later);
}

void SafetyPanel::arrange()
{
    const bool low = height() < 330;
    const bool fitted = !m_byBlock->isHidden();
    m_grid->addWidget(m_byToken, 0, 0, 1, low ? 1 : 3);
    m_grid->addWidget(m_byBlock, low ? 0 : 1, low ? 1 : 0, 1, low ? 1 : 2);
    m_grid->addWidget(m_list, low ? 0 : 1, 2);
    m_grid->setRowStretch(1, fitted && !low ? 1 : 0);
    m_grid->setColumnStretch(0, 3);
    m_grid->setColumnStretch(1, fitted || !low ? 2 : 0);
    m_list->setFixedWidth(low ? 230 : 260);
}

void SafetyPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    arrange();
}

void SafetyPanel::fit()
{
    ExperimentData* last = workbench()->latestExperiment(QStringLiteral("fit_safety"));
    if (last && last->state == "running")
        workbench()->cancelExperiment(last);
    else
        workbench()->runExperiment(QStringLiteral("fit_safety"), safetyParams());
}

void SafetyPanel::refresh()
{
    const RunData* run = workbench()->run();
    const ExperimentData* fit = workbench()->latestExperiment(QStringLiteral("fit_safety"));
    const bool running = fit && fit->state == "running";
    bool scores = false;
    if (run)
        for (const LaneData& lane : run->lanes)
            scores = scores || lane.taps.contains("safety.score");
    m_fit->setText(running ? tr("Stop fitting") : tr("Fit on XSTest"));
    m_fit->setEnabled(workbench()->client()->model().has_value());
    if (!scores && !(fit && !fit->rows.empty())) {
        if (running)
            setState(State::Loading,
                     tr("Fitting: %1 of %2 prompts. Generating goes first.").arg(fit->done).arg(fit->total));
        else if (fit && fit->failure)
            setState(State::Error, text::sentence(*fit->failure), tr("Fit again"));
        else
            setState(State::Empty, tr("Fit the direction once, then generate."),
                     workbench()->client()->model() ? tr("Fit on XSTest (450 prompts)") : QString());
        return;
    }
    showTokens();
    showFit();
    setState(run && run->running ? State::Live : State::Captured);
    m_note->setText(running   ? tr("Fitting: %1 of %2 prompts").arg(fit->done).arg(fit->total)
                    : !scores ? tr("This run has no scores: generate again with the fitted direction.")
                              : tr("Plus = harmful. A separation of prompts, not a verdict on this text."));
}

void SafetyPanel::showTokens()
{
    const RunData* run = workbench()->run();
    const int block = workbench()->selection().block;
    m_byToken->clearPlottables();
    plots::style(m_byToken);
    if (run)
        for (const LaneData& lane : run->lanes) {
            QVector<double> tokens, scores;
            for (int i = 0; i < int(lane.tokens.size()); ++i)
                if (const double score = values::ofToken(lane, QStringLiteral("safety"), i, block);
                    std::isfinite(score)) {
                    tokens << i;
                    scores << score;
                }
            plots::laneLine(m_byToken, text::of(lane.name), text::of(lane.name))->setData(tokens, scores, true);
        }
    plots::mark(m_byToken, QStringLiteral("zero"), false, 0, theme::color(theme::Role::TextThird));
    if (const int position = workbench()->selection().position; position >= 0)
        plots::mark(m_byToken, QStringLiteral("selected"), true, position, theme::color(theme::Role::Accent),
                    Qt::SolidLine);
    m_byToken->yAxis->setLabel(block >= 0 ? tr("sd, block %1").arg(block) : tr("sd, last block"));
    m_byToken->rescaleAxes();
    const QCPRange range = m_byToken->yAxis->range();
    m_byToken->yAxis->setRange(std::min(-1.0, range.lower * 1.1), std::max(1.0, range.upper * 1.1));
    m_byToken->replot(QCustomPlot::rpQueuedReplot);
}

void SafetyPanel::showFit()
{
    const ExperimentData* fit = workbench()->latestExperiment(QStringLiteral("fit_safety"));
    const int block = workbench()->selection().block;
    static const std::vector<Metric> none;
    const bool fitted = fit && fit->state == "done" && !fit->rows.empty();
    const auto& metrics = fitted ? MetricCache::instance().of(*fit) : none;
    m_byBlock->setVisible(fitted);
    m_list->setVisible(fitted);
    arrange();
    if (fitted && fit->id != m_listed && !metrics.empty()) {
        m_listed = fit->id;
        m_byBlock->clearPlottables();
        QCPGraph* line = m_byBlock->addGraph();
        line->setPen(QPen(theme::color(theme::Role::Accent), 1.8));
        QCPGraph* low = m_byBlock->addGraph();
        QCPGraph* high = m_byBlock->addGraph();
        for (QCPGraph* edge : {low, high})
            edge->setPen(Qt::NoPen);
        QColor band = theme::color(theme::Role::Accent);
        band.setAlpha(50);
        high->setBrush(band);
        high->setChannelFillGraph(low);
        int layers = 0;
        while (findMetric(metrics, "safety_auroc/" + std::to_string(layers), "A"))
            ++layers;
        m_list->setRowCount(layers);
        for (int layer = 0; layer < layers; ++layer) {
            const Metric& area = *findMetric(metrics, "safety_auroc/" + std::to_string(layer), "A");
            const double x = layer - 1, least = area.low.value_or(area.value), most = area.high.value_or(area.value);
            line->addData(x, area.value);
            low->addData(x, least);
            high->addData(x, most);
            const QString cells[] = {layer == 0 ? tr("embed") : tr("block %1").arg(layer - 1),
                                     text::number(area.value, 3),
                                     QStringLiteral("%1 … %2").arg(text::number(least, 3), text::number(most, 3))};
            for (int c = 0; c < 3; ++c) {
                auto* item = new QTableWidgetItem(cells[c]);
                item->setTextAlignment((c == 0 ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
                m_list->setItem(layer, c, item);
            }
        }
        plots::mark(m_byBlock, QStringLiteral("chance"), false, 0.5, theme::color(theme::Role::TextThird));
        m_byBlock->rescaleAxes();
        m_byBlock->yAxis->setRange(0.4, 1.0);
    }
    plots::style(m_byBlock);
    if (block >= 0) {
        plots::mark(m_byBlock, QStringLiteral("selected"), true, block, theme::color(theme::Role::Accent),
                    Qt::SolidLine);
        m_list->selectRow(block + 1);
    }
    m_byBlock->replot(QCustomPlot::rpQueuedReplot);
}

QString SafetyPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("layer\tAUROC\t95 % interval\n");
    for (int row = 0; row < m_list->rowCount(); ++row)
        tsv += QStringLiteral("%1\t%2\t%3\n")
                   .arg(m_list->item(row, 0)->text(), m_list->item(row, 1)->text(), m_list->item(row, 2)->text());
    tsv += QStringLiteral("\nlane\ttoken\tlayer (0 = embed)\tscore (train sd)\n");
    if (const RunData* run = workbench()->run())
        for (const LaneData& lane : run->lanes)
            if (const auto taps = lane.taps.find("safety.score"); taps != lane.taps.end())
                for (const auto& [position, tap] : taps->second) {
                    const auto scores = tap.value.floats();
                    for (std::size_t layer = 0; layer < scores.size(); ++layer)
                        tsv += QStringLiteral("%1\t%2\t%3\t%4\n")
                                   .arg(text::of(lane.name))
                                   .arg(position)
                                   .arg(layer)
                                   .arg(double(scores[layer]), 0, 'g', 7);
                }
    return tsv;
}

} // namespace ls
