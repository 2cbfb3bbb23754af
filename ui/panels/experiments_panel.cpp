#include "ui/panels/experiments_panel.h"

#include "ui/models/experiments_model.h"
#include "ui/models/metric_cache.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QHeaderView>
#include <QPainter>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QTableView>

namespace ls {

namespace {

/// A bar with the percentage beside it.
class ProgressDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        const QVariant fraction = index.data(ExperimentsModel::FractionRole);
        if (!fraction.isValid()) {
            QStyledItemDelegate::paint(painter, option, index);
            return;
        }
        painter->save();
        if (option.state & QStyle::State_Selected)
            painter->fillRect(option.rect, option.palette.brush(QPalette::Highlight));
        painter->setRenderHint(QPainter::Antialiasing);
        const int words = option.fontMetrics.horizontalAdvance(QStringLiteral("100 %")) + 8;
        QRectF bar(option.rect.adjusted(6, 0, -words - 4, 0));
        bar.setTop(option.rect.center().y() - 2);
        bar.setHeight(5);
        painter->setPen(Qt::NoPen);
        painter->setBrush(theme::color(theme::Role::Grid));
        painter->drawRoundedRect(bar, 2.5, 2.5);
        bar.setWidth(bar.width() * fraction.toDouble());
        painter->setBrush(theme::color(theme::Role::Accent));
        painter->drawRoundedRect(bar, 2.5, 2.5);
        painter->setPen(theme::color(theme::Role::TextSecond));
        painter->setFont(option.font);
        painter->drawText(option.rect.adjusted(0, 0, -6, 0), Qt::AlignRight | Qt::AlignVCenter,
                          index.data().toString());
        painter->restore();
    }
};

} // namespace

ExperimentsPanel::ExperimentsPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("experiments"), tr("Experiments"), workbench, parent)
    , m_model(new ExperimentsModel(this))
    , m_table(new QTableView)
    , m_cancel(new QPushButton(tr("Cancel")))
{
    setHelp(tr("Everything that was measured in this session, newest first. Rows are stored as they arrive; a "
               "generation that starts meanwhile goes first. Cancel keeps the rows so far."));
    m_cancel->setObjectName(QStringLiteral("exp.cancel"));
    m_cancel->setAccessibleName(tr("Cancel the selected experiment"));
    addOption(m_cancel);
    m_table->setObjectName(QStringLiteral("exp.table"));
    m_table->setAccessibleName(tr("Experiments"));
    m_table->setModel(m_model);
    m_table->setItemDelegateForColumn(ExperimentsModel::ProgressColumn, new ProgressDelegate(m_table));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(23);
    m_table->verticalHeader()->setMinimumSectionSize(23);
    QHeaderView* header = m_table->horizontalHeader();
    header->setHighlightSections(false);
    header->setStretchLastSection(false);
    header->setSectionResizeMode(ExperimentsModel::ResultColumn, QHeaderView::Stretch);
    m_table->setMinimumHeight(70);
    setContent(m_table);
    refresh();

    connect(m_cancel, &QPushButton::clicked, this, &ExperimentsPanel::cancel);
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, later);
    connect(workbench, &Workbench::experimentChanged, this, later);
    connect(&MetricCache::instance(), &MetricCache::changed, this, later);
    connect(workbench, &Workbench::sessionChanged, this, [this, later] {
        m_model->setSession(this->workbench()->session());
        later();
    });
    m_model->setSession(workbench->session());
}

void ExperimentsPanel::resizeEvent(QResizeEvent* event)
{
    Panel::resizeEvent(event);
    const bool narrow = width() < 1050; // the result takes what is left
    const int widths[] = {narrow ? 170 : 200, narrow ? 180 : 250, narrow ? 110 : 150, 56, 0, 84};
    for (int i = 0; i < ExperimentsModel::ColumnCount; ++i)
        if (widths[i] > 0)
            m_table->setColumnWidth(i, widths[i]);
}

void ExperimentsPanel::cancel()
{
    ExperimentData* chosen = m_model->at(m_table->currentIndex().row());
    for (int row = 0; !chosen && row < m_model->rowCount(); ++row) // without a choice: the one that runs
        if (m_model->at(row)->state == "running")
            chosen = m_model->at(row);
    if (chosen)
        workbench()->cancelExperiment(chosen);
}

void ExperimentsPanel::refresh()
{
    m_model->refresh();
    const ExperimentData* chosen = m_model->at(m_table->currentIndex().row());
    bool running = false;
    for (int row = 0; row < m_model->rowCount(); ++row)
        running = running || m_model->at(row)->state == "running";
    m_cancel->setEnabled(chosen ? chosen->state == "running" : running);
    m_cancel->setToolTip(m_cancel->isEnabled() ? tr("Stops within 200 ms; the rows so far stay")
                                               : tr("Nothing is running here."));
    if (m_model->rowCount() == 0)
        setState(State::Empty, tr("Nothing queued. The speed and accuracy dashboards, Fill in and the methods desk "
                                  "start experiments."));
    else
        setState(running ? State::Live : State::Captured);
}

QString ExperimentsPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("id\tstarted\texperiment\tconfiguration\tdone\ttotal\trows\tresult\tstate\n");
    for (int row = 0; row < m_model->rowCount(); ++row) {
        const ExperimentData& experiment = *m_model->at(row);
        tsv += QStringList{QString::number(experiment.id),
                           QString::fromStdString(experiment.startedAt),
                           experimentTitle(experiment),
                           experimentConfiguration(experiment),
                           QString::number(experiment.done),
                           QString::number(experiment.total),
                           QString::number(experiment.rows.size()),
                           experimentResult(experiment),
                           QString::fromStdString(experiment.state)}
                   .join(QLatin1Char('\t')) +
               QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
