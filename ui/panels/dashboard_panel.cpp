#include "ui/panels/dashboard_panel.h"

#include "core/report/metrics.h"
#include "core/stats/summary.h"
#include "ui/models/metric_cache.h"
#include "ui/models/run_values.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {
constexpr int kWindow = 8; // steps behind one point of the rate
}

DashboardPanel::DashboardPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("dashboard"), tr("Dashboard"), workbench, parent)
{
    setHelp(tr("Of the run in view. Throughput: tokens per second over the last 8 steps of the lane itself. Latency: "
               "share of steps at most this long. Memory: weights shared by all lanes, KV cache in use, own weight "
               "copies. KL: of lane B's next-token distribution from A's, up to the first divergence."));
    auto* body = new QWidget;
    m_grid = new QGridLayout(body);
    m_grid->setContentsMargins(10, 6, 10, 4);
    m_grid->setHorizontalSpacing(18);
    m_grid->setVerticalSpacing(6);
    const auto cell = [this](QCustomPlot*& plot, QLabel*& side, const char* id, const QString& title,
                             const QString& description, const QString& x, const QString& y) {
        plot = plots::make(QStringLiteral("panel.dashboard.plot.") + QLatin1String(id), description);
        plots::axes(plot, x, y);
        plot->xAxis->ticker()->setTickCount(4);
        plot->yAxis->ticker()->setTickCount(4);
        auto* box = new QWidget;
        auto* column = new QVBoxLayout(box);
        column->setContentsMargins(0, 0, 0, 0);
        column->setSpacing(0);
        auto* row = new QHBoxLayout;
        auto* head = new QLabel(title);
        head->setProperty("role", "title");
        side = new QLabel;
        side->setProperty("role", "second");
        side->setTextFormat(Qt::RichText);
        row->addWidget(head);
        row->addStretch(1);
        row->addWidget(side);
        column->addLayout(row);
        column->addWidget(plot, 1);
        m_cells.push_back(box);
    };
    cell(m_rate, m_rateSide, "rate", tr("Throughput"), tr("Tokens per second by token"), tr("token"), tr("tok/s"));
    cell(m_latency, m_latencySide, "latency", tr("Latency"), tr("Share of steps by duration"), tr("ms per token"),
         tr("share of steps"));
    cell(m_memory, m_memorySide, "memory", tr("Memory"), tr("Memory per lane"), tr("lane"), tr("MiB"));
    cell(m_kl, m_klSide, "kl", tr("KL per token"), tr("KL to lane A by token"), tr("token"), tr("KL, nats"));
    arrange(4);
    setContent(body);
    setState(State::Empty, tr("Generate to see speed, memory and KL."));
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::memoryChanged})
        connect(workbench, signal, this, later);
}

void DashboardPanel::arrange(int columns)
{
    if (columns == m_columns)
        return;
    m_columns = columns;
    for (std::size_t i = 0; i < m_cells.size(); ++i)
        m_grid->addWidget(m_cells[i], int(i) / columns, int(i) % columns);
}

void DashboardPanel::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    arrange(height() > 380 && width() < 1000 ? 2 : 4);
}

void DashboardPanel::refresh()
{
    const RunData* run = workbench()->run();
    if (!run || run->lanes.empty() || int(run->lanes[0].tokens.size()) <= run->lanes[0].promptTokens()) {
        setState(State::Empty, tr("Generate to see speed, memory and KL."));
        return;
    }
    for (QCustomPlot* plot : {m_rate, m_latency, m_memory, m_kl}) {
        plot->clearPlottables();
        plot->clearItems();
        plots::style(plot);
    }
    QStringList lanes, latencies;
    double usual =
        0; // ms: steps up to here fill the latency plot; one that recomputed a prefix may take a hundred times longer
    struct Latency {
        QString tinted, name;
        double median = 0, p99 = 0; // ms
    };
    std::vector<Latency> quantiles;
    for (const LaneData& lane : run->lanes) {
        const QString name = text::of(lane.name);
        const QString tinted = QStringLiteral("<span style=\"color:%1\">%2</span>").arg(theme::laneColor(name).name());
        lanes << tinted.arg((name == QLatin1String("A") ? QStringLiteral("— ") : QStringLiteral("- - ")) + name);
        QVector<double> tokens, rates, steps;
        const int first = lane.promptTokens() + 1; // the step before carries the prefill
        for (int i = first; i < int(lane.tokens.size()); ++i) {
            steps << double(lane.tokens[std::size_t(i)].stepUs) / 1000;
            if (steps.size() >= kWindow) {
                double sum = 0;
                for (int back = 0; back < kWindow; ++back)
                    sum += steps[steps.size() - 1 - back];
                tokens << i;
                rates << (sum > 0 ? kWindow * 1000 / sum : std::nan(""));
            }
        }
        plots::laneLine(m_rate, name, name)->setData(tokens, rates, true);
        std::sort(steps.begin(), steps.end());
        if (!steps.isEmpty()) {
            const std::vector<double> sorted(steps.begin(), steps.end());
            quantiles.push_back({tinted, name, quantile(sorted, 0.5), quantile(sorted, 0.99)});
            usual = std::max(usual, 1.5 * quantile(sorted, 0.95));
        }
        QVector<double> shares;
        for (int i = 0; i < steps.size(); ++i)
            shares << double(i + 1) / double(steps.size());
        plots::laneLine(m_latency, name, name)->setData(steps, shares, true);
        if (const auto taps = lane.taps.find("kl"); taps != lane.taps.end()) {
            auto* bars = new QCPBars(m_kl->xAxis, m_kl->yAxis);
            bars->setWidth(0.9);
            bars->setPen(Qt::NoPen);
            bars->setBrush(theme::laneColor(name));
            for (const auto& [position, tap] : taps->second)
                if (const auto values = tap.value.floats(); !values.empty())
                    bars->addData(position, double(values[0]));
        }
        if (lane.divergence)
            plots::mark(m_kl, QStringLiteral("divergence.") + name, true, *lane.divergence, theme::laneColor(name));
    }
    for (const ToggleData& toggle : run->toggles)
        plots::mark(m_rate, QStringLiteral("toggle%1").arg(toggle.position), true, toggle.position,
                    theme::laneColor(text::of(toggle.lane)));
    m_rateSide->setText(lanes.join(QStringLiteral("&nbsp; ")));
    const bool slow = std::any_of(quantiles.begin(), quantiles.end(), [](const Latency& l) { return l.p99 >= 1000; });
    const auto digits = [slow](double ms) { // one unit for all, few digits: the head is narrow
        return slow ? text::number(ms / 1000, 1) : text::number(ms, ms < 10 ? 1 : 0);
    };
    for (const Latency& each : quantiles)
        latencies << each.tinted.arg(QStringLiteral("%1 %2/%3").arg(each.name, digits(each.median), digits(each.p99)));
    if (!latencies.isEmpty())
        m_latencySide->setText(latencies.join(QStringLiteral("&nbsp; ")) + (slow ? tr(" s") : tr(" ms")));
    m_latencySide->setToolTip(tr("Median and 99th percentile"));
    showMemory(*run);
    const auto kl = runMetrics(*run);
    const Metric* meanKl = findMetric(kl, "kl_live", "B-A");
    m_klSide->setText(meanKl ? tr("mean %1").arg(text::number(meanKl->value, 3)) : QString());
    for (QCustomPlot* plot : {m_rate, m_latency, m_memory, m_kl}) {
        plot->rescaleAxes();
        plot->yAxis->setRangeLower(0); // rates, times and sizes start at 0
        plot->yAxis->setRangeUpper(std::max(plot->yAxis->range().upper * (plot == m_memory ? 1.2 : 1.08), 1e-3));
        if (plot == m_latency)
            plot->xAxis->setRange(0, usual > 0 ? std::min(plot->xAxis->range().upper, usual) : 1);
    }
    m_memory->xAxis->setRange(-0.7, double(run->lanes.size()) - 0.3);
    if (const LaneData* b = run->lane("B")) // one axis for all tokens, however few have a KL
        m_kl->xAxis->setRange(b->promptTokens() - 0.7, std::max(int(b->tokens.size()), b->promptTokens() + 8) - 0.3);
    for (QCustomPlot* plot : {m_rate, m_latency, m_memory, m_kl})
        plot->replot(QCustomPlot::rpQueuedReplot);
    setState(run->running ? State::Live : State::Captured);
}

void DashboardPanel::showMemory(const RunData& run)
{
    m_memorySide->clear();
    if (!run.memory)
        return;
    const Memory& memory = *run.memory;
    const auto bars = [this](theme::Role role) {
        auto* made = new QCPBars(m_memory->xAxis, m_memory->yAxis);
        made->setPen(Qt::NoPen);
        made->setBrush(theme::color(role));
        made->setWidth(0.6);
        return made;
    };
    QCPBars *weights = bars(theme::Role::LaneA), *kv = bars(theme::Role::LaneC), *own = bars(theme::Role::LaneD);
    kv->moveAbove(weights);
    own->moveAbove(kv);
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    for (std::size_t i = 0; i < memory.lanes.size(); ++i) {
        const auto mib = [i](const std::vector<std::int64_t>& bytes) {
            return i < bytes.size() ? double(bytes[i]) / 1048576 : 0;
        };
        const double shared = double(memory.weightBytes) / 1048576, cache = mib(memory.laneKvBytes),
                     copies = mib(memory.laneWeightBytes), sum = shared + cache + copies;
        weights->addData(double(i), shared);
        kv->addData(double(i), cache);
        own->addData(double(i), copies);
        ticker->addTick(double(i), text::of(memory.lanes[i]));
        auto* label = new QCPItemText(m_memory);
        label->setText(text::number(sum, sum < 10 ? 2 : sum < 1000 ? 1 : 0));
        label->setColor(theme::color(theme::Role::Text));
        label->setFont(m_memory->xAxis->tickLabelFont());
        label->setPositionAlignment(Qt::AlignBottom | Qt::AlignHCenter);
        label->position->setCoords(double(i), sum);
    }
    m_memory->xAxis->setTicker(ticker);
    const auto part = [](theme::Role role, const QString& name) {
        return QStringLiteral("<span style=\"color:%1\">■</span> %2").arg(theme::color(role).name(), name);
    };
    QStringList parts{part(theme::Role::LaneA, tr("weights")), part(theme::Role::LaneC, tr("KV"))};
    if (std::any_of(memory.laneWeightBytes.begin(), memory.laneWeightBytes.end(), [](auto bytes) { return bytes > 0; }))
        parts << part(theme::Role::LaneD, tr("own"));
    m_memorySide->setText(parts.join(QLatin1Char(' ')));
}

QString DashboardPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("lane\ttoken\tstep (us)\tKL to A (nats)\n");
    if (const RunData* run = workbench()->run())
        for (const LaneData& lane : run->lanes)
            for (int i = lane.promptTokens(); i < int(lane.tokens.size()); ++i) {
                const double kl = values::ofToken(lane, QStringLiteral("kl"), i, -1);
                tsv += QStringLiteral("%1\t%2\t%3\t%4\n")
                           .arg(text::of(lane.name))
                           .arg(i)
                           .arg(lane.tokens[std::size_t(i)].stepUs)
                           .arg(std::isfinite(kl) ? QString::number(kl, 'g', 7) : QString());
            }
    return tsv;
}

} // namespace ls
