#include "ui/panels/dashboard_panel.h"

#include "core/stats/summary.h"
#include "ui/models/run_values.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QGridLayout>
#include <QLabel>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {
constexpr int kWindow = 8; // steps behind one point of the rate
}

DashboardPanel::DashboardPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("dashboard"), tr("Dashboard"), workbench, parent)
{
    setHelp(tr("Of the run in view. Rate: tokens per second over the last 8 steps of the lane itself. Latency: share "
               "of steps at most this long. Memory: KV cache in use and own weight copies. KL: of lane B's next-token "
               "distribution from A's, up to the first divergence."));
    auto* body = new QWidget;
    m_grid = new QGridLayout(body);
    m_grid->setContentsMargins(4, 4, 4, 4);
    m_rate = plots::make(QStringLiteral("panel.dashboard.plot.rate"), tr("Tokens per second by token"));
    plots::axes(m_rate, tr("token"), tr("tok/s"));
    m_latency = plots::make(QStringLiteral("panel.dashboard.plot.latency"), tr("Share of steps by duration"));
    plots::axes(m_latency, tr("ms per token"), tr("share of steps"));
    m_memory = plots::make(QStringLiteral("panel.dashboard.plot.memory"), tr("Memory per lane"));
    plots::axes(m_memory, tr("lane"), tr("MiB"));
    m_kl = plots::make(QStringLiteral("panel.dashboard.plot.kl"), tr("KL to lane A by token"));
    plots::axes(m_kl, tr("token"), tr("KL, nats"));
    arrange(2);
    setContent(body);
    setState(State::Empty, tr("Generate to see speed, memory and KL."));
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::runAppended, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::memoryChanged})
        connect(workbench, signal, this, later);
}

void DashboardPanel::arrange(int columns)
{
    if (columns == m_columns)
        return;
    m_columns = columns;
    int i = 0;
    for (QCustomPlot* plot : {m_rate, m_kl, m_latency, m_memory}) {
        m_grid->addWidget(plot, i / columns, i % columns);
        ++i;
    }
}

void DashboardPanel::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    arrange(width() > 900 ? 4 : 2);
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
    for (const LaneData& lane : run->lanes) {
        const QString name = text::of(lane.name);
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
    if (run->memory) {
        const Memory& memory = *run->memory;
        auto* kv = new QCPBars(m_memory->xAxis, m_memory->yAxis);
        auto* own = new QCPBars(m_memory->xAxis, m_memory->yAxis);
        own->moveAbove(kv);
        kv->setBrush(theme::color(theme::Role::LaneC));
        own->setBrush(theme::color(theme::Role::LaneD));
        kv->setPen(Qt::NoPen);
        own->setPen(Qt::NoPen);
        auto ticker = QSharedPointer<QCPAxisTickerText>::create();
        for (std::size_t i = 0; i < memory.lanes.size(); ++i) {
            const auto mib = [i](const std::vector<std::int64_t>& bytes) {
                return i < bytes.size() ? double(bytes[i]) / 1048576 : 0;
            };
            kv->addData(double(i), mib(memory.laneKvBytes));
            own->addData(double(i), mib(memory.laneWeightBytes));
            ticker->addTick(double(i), text::of(memory.lanes[i]));
        }
        m_memory->xAxis->setTicker(ticker);
    }
    for (QCustomPlot* plot : {m_rate, m_latency, m_memory, m_kl}) {
        plot->rescaleAxes();
        plot->yAxis->setRangeLower(0); // rates, times and sizes start at 0
        plot->yAxis->setRangeUpper(std::max(plot->yAxis->range().upper * 1.08, 1e-3));
        if (plot == m_latency)
            plot->xAxis->setRangeLower(0);
    }
    m_memory->xAxis->setRange(-0.7, double(run->lanes.size()) - 0.3);
    for (QCustomPlot* plot : {m_rate, m_latency, m_memory, m_kl})
        plot->replot(QCustomPlot::rpQueuedReplot);
    setState(run->running ? State::Live : State::Captured);
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
