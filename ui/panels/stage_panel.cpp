#include "ui/panels/stage_panel.h"

#include "ui/client/engine_client.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/workbench.h"

#include <QLabel>
#include <QMouseEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

constexpr double kThickness = 0.72; // of a lane's line

/// Two digits below the point for steps of some milliseconds, fewer for long ones.
QString msText(double value, double longest)
{
    return text::number(value, longest < 20 ? 2 : longest < 200 ? 1 : 0);
}

/// 0 ms, 1 ms, ...: no line is lost to a title of the axis.
class MsTicker final : public QCPAxisTicker {
protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override
    {
        return StagePanel::tr("%1 ms").arg(QCPAxisTicker::getTickLabel(tick, locale, format, precision));
    }
};

} // namespace

StagePanel::StagePanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("speed.stages"), tr("Decode step by stage"), workbench, parent)
    , m_key(new QLabel)
    , m_plot(plots::make(QStringLiteral("speed.stages.plot"), tr("Time of a decode step by stage and lane")))
    , m_note(new QLabel)
{
    setHelp(tr("Of the run in view, from timers inside the engine: the mean time of a step, of all steps of each lane "
               "(its tok/s counts only those that all lanes made, with the cost of switches). QKV: norm and the "
               "projections before attention. Attention: rotary "
               "embedding, writing the cache, reading keys and values. Output: the projection after it. Hooks: taps "
               "and edits inside the pass. Other: the rest of the step; on a "
               "CUDA device, which has no timers, all of it. After a switch in mid-generation a lane's "
               "means start again. What probes do with the values after a step stands below, it is no part of the "
               "step."));
    m_key->setObjectName(QStringLiteral("speed.stages.key"));
    m_key->setProperty("role", "second");
    m_key->setTextFormat(Qt::RichText);
    m_key->setWordWrap(true);
    m_key->setContentsMargins(10, 6, 10, 0);
    m_plot->setInteractions({});
    m_plot->setMinimumHeight(70);
    m_plot->yAxis->grid()->setVisible(false);
    m_plot->yAxis->setRangeReversed(true); // A on top
    m_plot->yAxis->setTicks(false);        // lanes have their names in their colours
    m_plot->yAxis->setTickLabels(false);
    m_plot->axisRect()->setMinimumMargins(QMargins(30, 4, 12, 0));
    m_plot->xAxis->setTickLength(0, 3);
    m_plot->xAxis->setTicker(QSharedPointer<MsTicker>::create());
    m_plot->xAxis->ticker()->setTickCount(6);
    m_note->setObjectName(QStringLiteral("speed.stages.note"));
    m_note->setProperty("role", "third");
    m_note->setWordWrap(true);
    m_note->setContentsMargins(10, 2, 10, 6);
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(m_key);
    column->addWidget(m_plot, 1);
    column->addWidget(m_note);
    setContent(body);
    refresh();

    connect(m_plot, &QCustomPlot::mouseMove, this, &StagePanel::explain);
    connect(this, &Panel::actionRequested, this, &StagePanel::runAgain);
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(this, &Panel::themeChanged, this, [this, later] {
        m_bars.clear(); // the colours are others
        later();
    });
    connect(workbench, &Workbench::runAppended, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::generationStateChanged, &Workbench::modelChanged,
                              &Workbench::sessionChanged, &Workbench::deskChanged})
        connect(workbench, signal, this, later);
}

void StagePanel::runAgain()
{
    const RunData* run = workbench()->run();
    if (!run || !run->lane("B"))
        return;
    RunSpec spec = run->spec;
    for (LaneSpec& lane : spec.lanes)
        if (lane.name == "B")
            lane.methods = enabledMethods(workbench()->desk());
    workbench()->generate(spec);
}

void StagePanel::refresh()
{
    const RunData* run = workbench()->run();
    const std::vector<StageBar> bars = run ? stageBars(*run) : std::vector<StageBar>{};
    if (bars.empty()) {
        m_bars.clear();
        const bool tokens = run && std::any_of(run->lanes.begin(), run->lanes.end(), [](const LaneData& lane) {
                                return int(lane.tokens.size()) > lane.promptTokens() + 1;
                            });
        const bool timed = run && std::any_of(run->lanes.begin(), run->lanes.end(),
                                              [](const LaneData& lane) { return lane.stages.prefill.tokens > 0; });
        if (run && run->running)
            setState(State::Loading, tr("Waiting for the first steps."));
        else if (tokens && timed)
            setState(State::Empty, tr("No step was made since the last switch. Generate to measure one."));
        else if (tokens)
            setState(State::Empty, tr("This run was stored without times of its stages. Generate to measure them."));
        else
            setState(State::Empty, tr("Generate to see where the time of a token goes."));
        return;
    }
    m_note->setText(stageNote(*run));
    if (bars != m_bars) {
        m_bars = bars;
        draw();
    }
    const bool model = workbench()->client()->model().has_value();
    if (run->running)
        setState(State::Live);
    else if (model && run->lane("B") && run->currentMethods("B") != enabledMethods(workbench()->desk()))
        setState(State::Stale, tr("methods changed"));
    else
        setState(State::Captured);
}

void StagePanel::draw()
{
    m_plot->clearPlottables();
    m_plot->clearItems();
    plots::style(m_plot);
    double longest = 0;
    for (const StageBar& bar : m_bars)
        longest = std::max(longest, bar.total);
    const double room = longest * 1.12; // for the total behind the bar
    m_plot->xAxis->setRange(0, room);
    m_plot->yAxis->setRange(-0.5, double(m_bars.size()) - 0.5);
    const auto label = [this](const QString& words, double x, double lane, Qt::Alignment where, const QColor& color) {
        auto* item = new QCPItemText(m_plot);
        item->setText(words);
        item->setColor(color);
        item->setFont(m_plot->xAxis->tickLabelFont());
        item->setPositionAlignment(where);
        item->position->setCoords(x, lane);
        return item;
    };
    const QFontMetrics metrics(m_plot->xAxis->tickLabelFont());
    const double pixels = std::max(1, m_plot->axisRect()->width()) / room; // of a ms
    QStringList key, spoken;
    QCPBars* below = nullptr;
    std::vector<double> begin(m_bars.size(), 0);
    for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
        const QColor color = theme::color(stageRole(stage));
        auto* bars = new QCPBars(m_plot->yAxis, m_plot->xAxis);
        bars->setName(stageTitle(stage));
        bars->setPen(QPen(theme::color(theme::Role::Panel), 1));
        bars->setBrush(color);
        bars->setWidth(kThickness);
        if (below)
            bars->moveAbove(below);
        below = bars;
        bool seen = false;
        for (std::size_t lane = 0; lane < m_bars.size(); ++lane) {
            const double ms = m_bars[lane].ms[stage];
            if (ms > 0)
                bars->addData(double(lane), ms);
            const QString words = msText(ms, longest);
            if (ms * pixels > metrics.horizontalAdvance(words) + 8)
                label(words, begin[lane] + ms / 2, double(lane), Qt::AlignCenter, theme::textOn(color));
            begin[lane] += ms;
            seen = seen || ms > 0;
        }
        if (seen)
            key << QStringLiteral("<span style=\"color:%1\">■</span>&nbsp;%2").arg(color.name(), stageTitle(stage));
    }
    for (std::size_t lane = 0; lane < m_bars.size(); ++lane) {
        const StageBar& bar = m_bars[lane];
        QCPItemText* name = label(bar.lane + QStringLiteral("  "), 0, double(lane), Qt::AlignRight | Qt::AlignVCenter,
                                  theme::laneColor(bar.lane));
        QFont bold = m_plot->xAxis->tickLabelFont();
        bold.setBold(true);
        name->setFont(bold);
        name->setClipToAxisRect(false);
        label(QLatin1Char(' ') + msText(bar.total, longest), bar.total, double(lane), Qt::AlignLeft | Qt::AlignVCenter,
              theme::color(theme::Role::Text));
        QStringList parts;
        for (std::size_t stage = 0; stage < kStages.size(); ++stage)
            if (bar.ms[stage] > 0)
                parts << stageTitle(stage) + QLatin1Char(' ') + msText(bar.ms[stage], longest);
        spoken << tr("%1: %2 ms per token: %3")
                      .arg(bar.lane, msText(bar.total, longest), parts.join(QStringLiteral(", ")));
    }
    m_key->setText(key.join(QStringLiteral("&nbsp;&nbsp; ")));
    m_plot->setAccessibleDescription(spoken.join(QStringLiteral("; ")));
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void StagePanel::explain(const QMouseEvent* event)
{
    const QPointF at = event->position();
    const double x = m_plot->xAxis->pixelToCoord(at.x()), y = m_plot->yAxis->pixelToCoord(at.y());
    const double lane = std::round(y);
    QString words;
    if (lane >= 0 && lane < double(m_bars.size()) && std::abs(y - lane) <= kThickness / 2 && x >= 0) {
        const StageBar& bar = m_bars[std::size_t(lane)];
        double end = 0;
        for (std::size_t stage = 0; stage < kStages.size() && words.isEmpty(); ++stage)
            if (x < (end += bar.ms[stage]))
                words = tr("%1, %2: %3 ms, %4 % of the step")
                            .arg(bar.lane, stageTitle(stage), text::number(bar.ms[stage], 3),
                                 text::number(100 * bar.ms[stage] / bar.total, 1));
    }
    m_plot->setToolTip(words);
}

void StagePanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    m_bars.clear(); // other segments have room for their number
    RepaintClock::instance().markDirty(this, [this] { refresh(); });
}

QString StagePanel::tableAsTsv() const
{
    const RunData* run = workbench()->run();
    return stageTable(run ? *run : RunData{});
}

} // namespace ls
