#include "ui/models/session_model.h"

#include "core/json_value.h"
#include "ui/models/experiments_model.h"
#include "ui/models/run_summary.h"
#include "ui/models/run_values.h"
#include "ui/shell/text.h"

#include <QDateTime>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

/// Hour and minute where the reader is; the tooltip has the whole date.
QString timeOf(const std::string& startedAt)
{
    const QDateTime time = QDateTime::fromString(text::of(startedAt), Qt::ISODate);
    return time.isValid() ? time.toLocalTime().toString(QStringLiteral("HH:mm")) : text::of(startedAt);
}

} // namespace

SessionModel::SessionModel(QObject* parent)
    : QStandardItemModel(0, ColumnCount, parent)
    , m_runGroup(new QStandardItem)
    , m_experimentGroup(new QStandardItem)
{
    setHorizontalHeaderLabels({tr("Run"), tr("tok/s"), tr("Time")});
    for (QStandardItem* group : {m_runGroup, m_experimentGroup}) {
        group->setEditable(false);
        group->setSelectable(false);
        QFont font = group->font();
        font.setBold(true);
        group->setFont(font);
        appendRow(group);
    }
}

void SessionModel::fill(QStandardItem* group, int row, const QStringList& cells, const QString& tip)
{
    if (row >= group->rowCount()) {
        QList<QStandardItem*> items;
        for (int i = 0; i < ColumnCount; ++i) {
            items << new QStandardItem;
            items.back()->setEditable(false);
        }
        group->appendRow(items);
    }
    for (int i = 0; i < ColumnCount; ++i) {
        QStandardItem* item = group->child(row, i);
        if (item->text() != cells[i])
            item->setText(cells[i]);
        item->setToolTip(tip);
        item->setData(tip, SearchRole);
        if (i > 0)
            item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    }
}

void SessionModel::refresh(Session* session, const RunData* inView)
{
    m_runs = session ? session->runs() : std::vector<RunData*>{};
    std::reverse(m_runs.begin(), m_runs.end());
    m_runGroup->setText(tr("Runs (%1)").arg(m_runs.size()));
    m_runGroup->setRowCount(std::min(m_runGroup->rowCount(), int(m_runs.size())));
    for (int row = 0; row < int(m_runs.size()); ++row) {
        const RunData& run = *m_runs[std::size_t(row)];
        QStringList rates;
        for (const char* name : {"A", "B"})
            if (const LaneData* lane = run.lane(name))
                if (const double rate = values::tokensPerSecond(run, *lane); std::isfinite(rate))
                    rates << text::number(rate, rate < 100 ? 1 : 0);
        const QString title = QStringLiteral("%1%2 · %3")
                                  .arg(&run == inView ? QStringLiteral("▸ ") : QString())
                                  .arg(run.id)
                                  .arg(runTitle(run));
        QString prompt = text::of(run.spec.prompt.text);
        for (const auto& message : run.spec.prompt.messages)
            prompt += text::of(valueOr(message, "content", std::string())) + QLatin1Char(' ');
        fill(m_runGroup, row, {title, rates.join(QStringLiteral(" / ")), timeOf(run.startedAt)},
             tr("Run %1 of %2\n%3 (%4, %5)\nB: %6\n%7%8")
                 .arg(QString::number(run.id), text::of(run.startedAt), text::of(run.model.name),
                      text::of(run.model.dtype), text::of(run.model.device), methodsInWords(run.currentMethods("B")),
                      prompt.simplified().left(120), &run == inView ? tr("\nin view") : QString()));
    }
    std::vector<ExperimentData*> experiments = session ? session->experiments() : std::vector<ExperimentData*>{};
    std::reverse(experiments.begin(), experiments.end());
    m_experimentGroup->setText(tr("Experiments (%1)").arg(experiments.size()));
    m_experimentGroup->setRowCount(std::min(m_experimentGroup->rowCount(), int(experiments.size())));
    for (int row = 0; row < int(experiments.size()); ++row) {
        const ExperimentData& experiment = *experiments[std::size_t(row)];
        const QString title = experimentTitle(experiment), state = text::of(experiment.state);
        fill(m_experimentGroup, row, {title, state, timeOf(experiment.startedAt)},
             tr("%1, %2\n%3\n%4")
                 .arg(title, state, text::of(experiment.startedAt), experimentConfiguration(experiment)));
    }
}

RunData* SessionModel::runAt(const QModelIndex& index) const
{
    if (!index.isValid() || index.parent() != m_runGroup->index())
        return nullptr;
    return index.row() < int(m_runs.size()) ? m_runs[std::size_t(index.row())] : nullptr;
}

QModelIndex SessionModel::indexOf(const RunData* run) const
{
    const auto found = std::find(m_runs.begin(), m_runs.end(), run);
    return found == m_runs.end() ? QModelIndex() : index(int(found - m_runs.begin()), 0, m_runGroup->index());
}

} // namespace ls
