#include "ui/panels/lane.h"

#include "ui/models/run_values.h"
#include "ui/panels/token_flow.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

Lane::Lane(const QString& name, Workbench* workbench, QWidget* parent)
    : QFrame(parent)
    , m_name(name)
    , m_workbench(workbench)
{
    const QString id = QStringLiteral("lane.") + name;
    setObjectName(id);
    setAccessibleName(tr("Lane %1").arg(name));
    setProperty("panel", true);
    setMinimumHeight(110);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(1, 1, 1, 1);
    layout->setSpacing(0);
    auto* head = new QWidget;
    head->setProperty("head", true);
    head->setAttribute(Qt::WA_StyledBackground);
    head->setFixedHeight(34);
    auto* row = new QHBoxLayout(head);
    row->setContentsMargins(10, 0, 6, 0);
    m_title = new QLabel;
    m_title->setObjectName(id + QStringLiteral(".title"));
    m_title->setProperty("role", "title");
    m_state = new QLabel;
    m_state->setObjectName(id + QStringLiteral(".state"));
    m_state->setProperty("chip", true);
    m_state->setProperty("tone", name == QLatin1String("A") ? "good" : "laneB");
    m_rate = new QLabel;
    m_rate->setObjectName(id + QStringLiteral(".rate"));
    m_rate->setProperty("role", "second");
    m_colour = new QComboBox;
    m_colour->setObjectName(id + QStringLiteral(".colour"));
    m_colour->setAccessibleName(tr("Colour of the tokens of lane %1").arg(name));
    m_colour->addItem(tr("no colour"), QStringLiteral("none"));
    m_colour->addItem(tr("log-probability"), QStringLiteral("logprob"));
    m_colour->addItem(tr("entropy"), QStringLiteral("entropy"));
    m_colour->addItem(tr("contextualisation"), QStringLiteral("contextualisation"));
    m_colour->addItem(tr("safety score"), QStringLiteral("safety"));
    if (name != QLatin1String("A"))
        m_colour->addItem(tr("KL to A"), QStringLiteral("kl"));
    m_colour->setCurrentIndex(m_colour->findData(QStringLiteral("contextualisation")));
    row->addWidget(m_title);
    row->addWidget(m_state, 0, Qt::AlignVCenter);
    row->addWidget(m_rate);
    row->addStretch(1);
    row->addWidget(m_colour);
    m_flow = new TokenFlow;
    m_flow->setObjectName(id + QStringLiteral(".tokens"));
    m_flow->setAccessibleName(tr("Tokens of lane %1").arg(name));
    layout->addWidget(head);
    layout->addWidget(m_flow, 1);

    connect(m_flow, &TokenFlow::selected, this, [this](int position) {
        Selection selection = m_workbench->selection();
        selection.lane = m_name;
        selection.position = position;
        m_workbench->select(selection);
    });
    connect(m_colour, &QComboBox::currentIndexChanged, this, &Lane::recolour);
    connect(workbench, &Workbench::runChanged, this, &Lane::reload);
    connect(workbench, &Workbench::sessionChanged, this, &Lane::reload);
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::toggled, this, later);
    connect(workbench, &Workbench::generationStateChanged, this, later);
    connect(workbench, &Workbench::deskChanged, this, later);
    connect(workbench, &Workbench::selectionChanged, this, [this] {
        const Selection& selection = m_workbench->selection();
        m_flow->setSelected(selection.position);
        recolour(); // block-wise measures follow the selected block
    });
    reload();
}

void Lane::reload()
{
    m_flow->setLane(m_workbench->run() ? m_workbench->run()->lane(m_name.toStdString()) : nullptr);
    recolour();
    refresh();
}

void Lane::recolour()
{
    const QString kind = m_colour->currentData().toString();
    const int block = m_workbench->selection().block;
    auto value = [this, kind, block](int position) -> double {
        const RunData* run = m_workbench->run();
        const LaneData* lane = run ? run->lane(m_name.toStdString()) : nullptr;
        return lane ? values::ofToken(*lane, kind, position, block) : std::nan("");
    };
    const auto scale = kind == QLatin1String("none")     ? TokenFlow::Scale::None
                       : kind == QLatin1String("safety") ? TokenFlow::Scale::Signed
                                                         : TokenFlow::Scale::Sequential;
    m_flow->setColouring(scale, value, m_colour->currentText());
}

void Lane::refresh()
{
    RunData* run = m_workbench->run();
    const LaneData* lane = run ? run->lane(m_name.toStdString()) : nullptr;
    const std::size_t methods =
        lane ? run->currentMethods(lane->name).size() : enabledMethods(m_workbench->desk()).size();
    m_title->setText(m_name == QLatin1String("A") ? tr("A · baseline")
                     : methods == 0               ? tr("%1 · no method").arg(m_name)
                     : methods == 1               ? tr("%1 · 1 method").arg(m_name)
                                                  : tr("%1 · %2 methods").arg(m_name).arg(methods));
    m_state->setVisible(lane != nullptr);
    m_rate->setVisible(lane != nullptr);
    if (!lane) {
        m_flow->setLane(nullptr);
        return;
    }
    const int generated = int(lane->tokens.size()) - lane->promptTokens();
    if (run->running && lane->reason.empty())
        m_state->setText(tr("● live · %1").arg(generated));
    else if (run->failure)
        m_state->setText(tr("stopped: %1").arg(text::of(errcName(run->failure->code))));
    else
        m_state->setText(tr("captured · %1").arg(generated));
    m_state->setToolTip(tr("%1 tokens generated").arg(generated));
    const double rate = values::tokensPerSecond(*run, *lane);
    m_rate->setText(std::isfinite(rate) ? tr("%1 tok/s").arg(text::number(rate, 1)) : QString());
    m_rate->setToolTip(values::rateNote(*run));
    std::map<int, QString> markers;
    for (const ToggleData& toggle : run->toggles)
        if (toggle.lane == lane->name && toggle.position >= 0)
            markers[toggle.position] = tr("methods changed here, history: %1").arg(text::of(toggle.policy));
    if (lane->divergence)
        markers[*lane->divergence] += tr("first difference from A");
    if (m_flow->lane() != lane) // the lane begins with its first message, after the run came into view
        m_flow->setLane(lane);
    m_flow->setMarkers(std::move(markers));
    m_flow->append();
}

} // namespace ls
