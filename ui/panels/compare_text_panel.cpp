#include "ui/panels/compare_text_panel.h"

#include "ui/models/run_values.h"
#include "ui/panels/token_flow.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QAction>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace ls {

CompareTextPanel::CompareTextPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("compareText"), tr("Compare: text"), workbench, parent)
    , m_align(new QComboBox)
    , m_divergence(new QLabel)
    , m_count(new QLabel)
    , m_previous(new QPushButton(tr("Previous")))
    , m_next(new QPushButton(tr("Next")))
{
    setHelp(tr("The replies of lanes A and B of the run in view. A triangle marks the first token that differs; from "
               "there on each lane reads its own text. Tinted and underlined: words, tokens or positions without an "
               "equal in the other lane. F3 and Shift+F3 go through the differences."));
    m_divergence->setObjectName(QStringLiteral("compare.divergence"));
    m_divergence->setProperty("chip", true);
    m_divergence->setProperty("tone", "laneB");
    m_count->setObjectName(QStringLiteral("compare.count"));
    m_count->setProperty("role", "third");
    m_align->setObjectName(QStringLiteral("compare.align"));
    m_align->setAccessibleName(tr("Align the texts by"));
    m_align->addItem(tr("align: words"), int(Align::Words));
    m_align->addItem(tr("align: tokens"), int(Align::Tokens));
    m_align->addItem(tr("align: position"), int(Align::Position));
    const auto walk = [this](QPushButton* button, const char* name, const char* action, const QString& title,
                             const QString& keys, int direction) {
        button->setObjectName(QLatin1String(name));
        button->setAccessibleName(title);
        button->setToolTip(QStringLiteral("%1 (%2)").arg(title, keys));
        auto* shortcut = new QAction(title, this);
        shortcut->setObjectName(QLatin1String(action));
        shortcut->setShortcut(QKeySequence(keys));
        addAction(shortcut);
        connect(shortcut, &QAction::triggered, this, [this, direction] { step(direction); });
        connect(button, &QPushButton::clicked, shortcut, &QAction::trigger);
    };
    walk(m_previous, "compare.prev", "action.previousDifference", tr("Previous difference"), QStringLiteral("Shift+F3"),
         -1);
    walk(m_next, "compare.next", "action.nextDifference", tr("Next difference"), QStringLiteral("F3"), 1);
    addOption(m_align);
    addOption(m_previous);
    addOption(m_next);

    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    auto* facts = new QHBoxLayout;
    facts->setContentsMargins(10, 6, 10, 0);
    facts->setSpacing(8);
    facts->addWidget(m_divergence);
    facts->addWidget(m_count);
    facts->addStretch(1);
    column->addLayout(facts);
    auto* texts = new QSplitter(Qt::Horizontal);
    texts->setObjectName(QStringLiteral("compare.diff"));
    texts->setAccessibleName(tr("Texts of lanes A and B"));
    texts->setChildrenCollapsible(false);
    for (int i = 0; i < 2; ++i) {
        Side& side = m_sides[i];
        side.lane = i == 0 ? QStringLiteral("A") : QStringLiteral("B");
        auto* box = new QWidget;
        auto* rows = new QVBoxLayout(box);
        rows->setContentsMargins(0, 4, 0, 0);
        rows->setSpacing(0);
        side.head = new QLabel;
        side.head->setObjectName(QStringLiteral("compare.head.") + side.lane);
        side.head->setContentsMargins(10, 0, 10, 0);
        side.head->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
        side.flow = new TokenFlow;
        side.flow->setObjectName(QStringLiteral("compare.text.") + side.lane);
        side.flow->setAccessibleName(tr("Reply of lane %1").arg(side.lane));
        side.flow->setMinimumHeight(60);
        rows->addWidget(side.head);
        rows->addWidget(side.flow, 1);
        texts->addWidget(box);
        connect(side.flow, &TokenFlow::selected, this, [this, lane = side.lane](int position) {
            Selection selection = this->workbench()->selection();
            selection.lane = lane;
            selection.position = position;
            this->workbench()->select(selection);
        });
    }
    column->addWidget(texts, 1);
    setContent(body);
    refresh();

    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(m_align, &QComboBox::currentIndexChanged, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::runChanged, this, [this, later] {
        m_place = -1;
        for (Side& side : m_sides) // the old run's lanes may be gone at the next tick
            side.flow->setLane(nullptr);
        later();
    });
    connect(workbench, &Workbench::sessionChanged, this, [this] {
        m_diffOf = {}; // ids begin again
        for (Side& side : m_sides)
            side.flow->setLane(nullptr);
    });
    for (const auto signal : {&Workbench::selectionChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
}

Align CompareTextPanel::align() const
{
    return Align(m_align->currentData().toInt());
}

void CompareTextPanel::refresh()
{
    const RunData* run = workbench()->run();
    const LaneData* lanes[] = {run ? run->lane("A") : nullptr, run ? run->lane("B") : nullptr};
    const bool ready = lanes[0] && lanes[1] && !lanes[0]->tokens.empty() && !lanes[1]->tokens.empty();
    m_previous->setEnabled(ready);
    m_next->setEnabled(ready);
    if (!ready) {
        m_diff = {};
        m_diffOf = {};
        setState(State::Empty, run && !run->lanes.empty() && !run->running
                                   ? tr("This run has one lane. Two are needed: generate again, or choose another run "
                                        "in the session browser.")
                                   : tr("Generate: the replies of lanes A and B stand here side by side."));
        return;
    }
    updateDiff(*run);
    for (int i = 0; i < 2; ++i) {
        Side& side = m_sides[i];
        const LaneData& lane = *lanes[i];
        const std::size_t methods = run->currentMethods(lane.name).size();
        const double rate = values::tokensPerSecond(*run, lane);
        QStringList facts{methods == 0 && i == 0 ? tr("baseline")
                          : methods == 0         ? tr("no method")
                          : methods == 1         ? tr("1 method")
                                                 : tr("%1 methods").arg(methods)};
        facts << tr("%1 tokens").arg(int(lane.tokens.size()) - lane.promptTokens());
        if (std::isfinite(rate))
            facts << tr("%1 tok/s").arg(text::number(rate, 1));
        side.head->setText(
            QStringLiteral("<b style=\"color:%1\">%2</b>&nbsp;&nbsp;%3")
                .arg(theme::laneColor(side.lane).name(), side.lane, facts.join(QStringLiteral(" · ")).toHtmlEscaped()));
        if (side.flow->lane() != &lane)
            side.flow->setLane(&lane);
        side.flow->setFirst(lane.promptTokens()); // the prompt is the same
        std::map<int, QString> markers;
        if (lanes[1]->divergence)
            markers[*lanes[1]->divergence] = tr("first token that differs between A and B");
        side.flow->setMarkers(std::move(markers));
        side.flow->setChanged(i == 0 ? m_diff.changedA : m_diff.changedB, theme::laneColor(side.lane));
        side.flow->append();
    }
    const bool equal = m_diff.places.empty();
    m_divergence->setText(lanes[1]->divergence ? tr("first divergence: token %1").arg(*lanes[1]->divergence)
                          : run->running       ? tr("no divergence so far")
                          : equal              ? tr("the replies are equal")
                                               : tr("no divergence was recorded"));
    const int count = int(m_diff.places.size());
    m_place = std::min(m_place, count - 1);
    m_count->setText(equal          ? QString()
                     : m_place >= 0 ? tr("difference %1 of %2").arg(m_place + 1).arg(count)
                     : count == 1   ? tr("1 difference")
                                    : tr("%1 differences").arg(count) + (m_diff.byPosition && align() != Align::Position
                                                                             ? tr(", by position: long texts")
                                                                             : QString()));
    m_previous->setEnabled(!equal);
    m_next->setEnabled(!equal);
    showSelection();
    setState(run->running ? State::Live : State::Captured);
}

void CompareTextPanel::updateDiff(const RunData& run)
{
    const LaneData &a = *run.lane("A"), &b = *run.lane("B");
    const std::array<std::int64_t, 4> now{run.id, std::int64_t(a.tokens.size()), std::int64_t(b.tokens.size()),
                                          std::int64_t(align())};
    // Long texts take some milliseconds: while tokens arrive, at most a tenth of the time goes into this.
    const bool soon =
        run.running && m_diffOf[0] == run.id && m_sinceDiff.isValid() && m_sinceDiff.elapsed() < 10 * m_diffTook;
    if (now == m_diffOf || soon)
        return;
    QElapsedTimer timer;
    timer.start();
    m_diff = diffTexts(a, b, align());
    m_diffTook = timer.elapsed();
    m_sinceDiff.start();
    m_diffOf = now;
}

void CompareTextPanel::showSelection()
{
    const Selection& selection = workbench()->selection();
    const bool inB = selection.lane == QLatin1String("B");
    const auto& counterparts = inB ? m_diff.counterpartB : m_diff.counterpartA;
    const int other = selection.position >= 0 && selection.position < int(counterparts.size())
                          ? counterparts[std::size_t(selection.position)]
                          : -1;
    m_sides[inB ? 1 : 0].flow->setSelected(selection.position);
    m_sides[inB ? 0 : 1].flow->setSelected(other);
}

void CompareTextPanel::step(int direction)
{
    const int count = int(m_diff.places.size());
    if (count == 0)
        return;
    m_place = m_place < 0 ? (direction > 0 ? 0 : count - 1) : (m_place + direction + count) % count;
    const TextDiff::Place& place = m_diff.places[std::size_t(m_place)];
    Selection selection = workbench()->selection();
    const bool inB = place.b < int(m_diff.changedB.size()); // else B has ended there
    selection.lane = inB ? QStringLiteral("B") : QStringLiteral("A");
    selection.position = inB ? place.b : place.a;
    workbench()->select(selection);
    refresh();
}

QString CompareTextPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("lane\tposition\ttext\tdiffers\tposition in the other lane\n");
    const RunData* run = workbench()->run();
    for (const Side& side : m_sides) {
        const LaneData* lane = run ? run->lane(side.lane.toStdString()) : nullptr;
        const bool a = side.lane == QLatin1String("A");
        const auto& changed = a ? m_diff.changedA : m_diff.changedB;
        const auto& counterparts = a ? m_diff.counterpartA : m_diff.counterpartB;
        for (std::size_t i = 0; lane && i < lane->tokens.size() && i < changed.size(); ++i)
            tsv += QStringLiteral("%1\t%2\t%3\t%4\t%5\n")
                       .arg(side.lane)
                       .arg(i)
                       .arg(text::token(lane->tokens[i].text))
                       .arg(changed[i] ? 1 : 0)
                       .arg(counterparts[i]);
    }
    return tsv;
}

} // namespace ls
