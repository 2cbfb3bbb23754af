#include "ui/desk/cost_line.h"

#include "ui/shell/text.h"

#include <QGridLayout>
#include <QLabel>
#include <QPushButton>
#include <QStyle>

#include <cmath>

namespace ls {

namespace {

void setRole(QLabel* label, const char* role)
{
    if (label->property("role").toString() == QLatin1String(role))
        return;
    label->setProperty("role", role);
    label->style()->unpolish(label);
    label->style()->polish(label);
}

} // namespace

CostLine::CostLine(const QString& prefix, const QString& measureName, QWidget* parent)
    : QWidget(parent)
    , m_measure(new QPushButton(tr("Measure")))
{
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(0, 2, 0, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(0);
    const std::pair<const char*, QString> cells[] = {
        {"tokps", tr("Δ tok/s")}, {"memory", tr("Δ memory")}, {"kl", tr("Δ KL")}, {"accuracy", tr("Δ accuracy")}};
    for (int i = 0; i < 4; ++i) {
        auto* caption = new QLabel(cells[i].second);
        caption->setProperty("role", "third");
        auto* value = m_values[std::size_t(i)] = new QLabel(QStringLiteral("—"));
        value->setObjectName(prefix + QLatin1Char('.') + QLatin1String(cells[i].first));
        value->setAccessibleName(cells[i].second);
        auto* interval = m_intervals[std::size_t(i)] = new QLabel;
        interval->setProperty("role", "third");
        grid->addWidget(caption, 0, i);
        grid->addWidget(value, 1, i);
        grid->addWidget(interval, 2, i);
        grid->setColumnStretch(i, 1);
    }
    if (measureName.isEmpty()) {
        m_measure->hide();
    } else {
        m_measure->setObjectName(measureName);
        m_measure->setAccessibleName(tr("Measure the cost of this card"));
        m_measure->setToolTip(tr("Leave-one-out: the whole stack against the stack without this card"));
        grid->addWidget(m_measure, 0, 4, 2, 1, Qt::AlignRight | Qt::AlignVCenter);
    }
    connect(m_measure, &QPushButton::clicked, this, &CostLine::measureRequested);
}

void CostLine::setCosts(const Costs& costs)
{
    const Cost* list[] = {&costs.tokps, &costs.memory, &costs.kl, &costs.accuracy};
    for (int i = 0; i < 4; ++i) {
        const Cost& cost = *list[i];
        QLabel* value = m_values[std::size_t(i)];
        QLabel* interval = m_intervals[std::size_t(i)];
        if (cost.origin.isEmpty() || !std::isfinite(cost.value)) {
            value->setText(QStringLiteral("—"));
            interval->setText(QString());
            value->setToolTip(cost.note.isEmpty() ? tr("Not measured") : cost.note);
            setRole(value, "third");
            continue;
        }
        QString shown;
        switch (i) {
        case 0:
            shown = tr("%1 %").arg(text::signedNumber(cost.value, 1));
            break;
        case 1:
            shown = text::signedBytes(cost.value);
            break;
        case 2:
            shown = text::number(cost.value, 3);
            break;
        default:
            shown = tr("%1 pt").arg(text::signedNumber(cost.value, 1));
        }
        const bool bounded = cost.low && cost.high;
        // An interval with 0 in it claims nothing: grey, and it says so. KL cannot be below 0.
        const bool open = bounded && i != 2 && *cost.low <= 0 && *cost.high >= 0;
        const int digits = i == 2 ? 3 : 1;
        interval->setText(bounded ? QStringLiteral("%1 … %2%3")
                                        .arg(text::number(*cost.low, digits), text::number(*cost.high, digits),
                                             open ? tr(" n.s.") : QString())
                          : cost.origin == QLatin1String("live") && i == 0 ? tr("…")
                                                                           : cost.origin);
        value->setText(shown);
        value->setToolTip(tr("%1; n = %2. %3").arg(cost.origin).arg(cost.n).arg(cost.note));
        interval->setToolTip(value->toolTip());
        const bool worse = (i == 0 || i == 3) ? cost.value < 0 : cost.value > 0;
        const bool claimed = bounded && !open && i != 2 && cost.origin != QLatin1String("stale");
        setRole(value, cost.origin == QLatin1String("stale") || open ? "third"
                       : !claimed                                    ? "title"
                       : worse                                       ? "error"
                                                                     : "good");
    }
}

void CostLine::setMeasuring(bool measuring, const QString& progress)
{
    m_measure->setText(measuring ? tr("Stop") : tr("Measure"));
    if (measuring)
        m_values[0]->setToolTip(progress);
    m_measure->setToolTip(measuring ? progress
                                    : tr("Leave-one-out: the whole stack against the stack without this card"));
}

} // namespace ls
