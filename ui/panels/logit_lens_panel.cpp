#include "ui/panels/logit_lens_panel.h"

#include "ui/models/run_values.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QHeaderView>
#include <QTableWidget>

#include <cmath>

namespace ls {

LogitLensPanel::LogitLensPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("logitLens"), tr("Logit lens"), workbench, parent)
    , m_table(new QTableWidget)
{
    m_table->setObjectName(QStringLiteral("lens.table"));
    m_table->setAccessibleName(tr("Most probable next tokens by block"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->verticalHeader()->setDefaultSectionSize(23);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->setMinimumWidth(400);
    setContent(m_table);
    setState(State::Empty, tr("Generate, then select a token."));
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::runAppended, this, later);
    connect(workbench, &Workbench::runChanged, this, later);
    connect(workbench, &Workbench::selectionChanged, this, later);
    connect(workbench, &Workbench::generationStateChanged, this, later);
    connect(m_table, &QTableWidget::cellClicked, this, [this](int row, int) {
        Selection selection = this->workbench()->selection();
        selection.block = m_table->rowCount() - 2 - row; // top row is the last block; the lowest is the embedding
        this->workbench()->select(selection);
    });
}

void LogitLensPanel::refresh()
{
    const RunData* run = workbench()->run();
    const Selection& selection = workbench()->selection();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const int position = lane ? values::shownPosition(*lane, "lens.ids", selection.position) : -1;
    const auto probs = position >= 0 ? values::tap(*lane, "lens.probs", position) : std::vector<float>{};
    const TapValue* ids = position >= 0 ? lane->tap("lens.ids", position) : nullptr;
    if (!ids || ids->value.shape.size() != 2 || probs.size() != ids->texts.size() || probs.empty()) {
        setState(State::Empty, run ? tr("No lens values for this token: select another one, or generate again.")
                                   : tr("Generate, then select a token."));
        return;
    }
    const auto entropy = values::tap(*lane, "lens.entropy", position);
    const int rows = int(ids->value.shape[0]);
    const int k = int(ids->value.shape[1]);
    m_table->setRowCount(rows);
    m_table->setColumnCount(k + 1);
    QStringList columns;
    for (int c = 0; c < k; ++c)
        columns << QString::number(c + 1);
    columns << tr("nats");
    m_table->setHorizontalHeaderLabels(columns);
    for (int row = 0; row < rows; ++row) {
        const int layer = rows - 1 - row;
        m_table->setVerticalHeaderItem(row,
                                       new QTableWidgetItem(layer == 0 ? tr("embed") : tr("block %1").arg(layer - 1)));
        for (int c = 0; c < k; ++c) {
            const std::size_t i = std::size_t(layer * k + c);
            auto* item = new QTableWidgetItem(
                QStringLiteral("%1  %2").arg(text::token(ids->texts[i]), text::number(double(probs[i]), 2)));
            const QColor background = theme::viridis(double(probs[i]));
            item->setBackground(background);
            item->setForeground(theme::textOn(background));
            m_table->setItem(row, c, item);
        }
        const double nats = std::size_t(layer) < entropy.size() ? double(entropy[std::size_t(layer)]) : std::nan("");
        auto* item = new QTableWidgetItem(text::number(nats, 2));
        item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
        m_table->setItem(row, k, item);
    }
    setState(run->running ? State::Live : State::Captured);
}

QString LogitLensPanel::tableAsTsv() const
{
    QString tsv;
    for (int row = 0; row < m_table->rowCount(); ++row) {
        tsv += m_table->verticalHeaderItem(row)->text();
        for (int c = 0; c < m_table->columnCount(); ++c)
            tsv += QLatin1Char('\t') + m_table->item(row, c)->text();
        tsv += QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
