#include "ui/panels/logit_lens_panel.h"

#include "ui/models/lens_model.h"
#include "ui/models/run_values.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QEvent>
#include <QHeaderView>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTableView>

#include <algorithm>

namespace ls {

namespace {

constexpr int kNatsWidth = 44;

/// Token left, elided; probability right, always whole; both on the probability's colour.
class LensDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        const QVariant probability = index.data(LensModel::ProbabilityRole);
        if (!probability.isValid()) {
            QStyledItemDelegate::paint(painter, option, index);
            return;
        }
        const double p = probability.toDouble();
        const QColor background = theme::viridis(p);
        painter->save();
        painter->fillRect(option.rect.adjusted(0, 0, -1, -1), background);
        painter->setPen(theme::textOn(background));
        painter->setFont(option.font);
        const QString number = text::number(p, 2).mid(p < 0.995 ? 1 : 0); // ".62": the column is narrow
        const QRect inner = option.rect.adjusted(5, 0, -5, 0);
        const int wide = option.fontMetrics.horizontalAdvance(number);
        painter->drawText(inner, Qt::AlignRight | Qt::AlignVCenter, number);
        const QString token =
            option.fontMetrics.elidedText(index.data().toString().trimmed(), Qt::ElideRight, inner.width() - wide - 4);
        painter->drawText(inner, Qt::AlignLeft | Qt::AlignVCenter, token);
        if (option.state & QStyle::State_Selected) {
            painter->setPen(QPen(theme::color(theme::Role::Accent), 2));
            painter->drawLine(option.rect.topLeft(), option.rect.topRight());
            painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
        }
        painter->restore();
    }
};

} // namespace

LogitLensPanel::LogitLensPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("logitLens"), tr("Logit lens"), workbench, parent)
    , m_model(new LensModel(this))
    , m_table(new QTableView)
{
    setHelp(tr("The stream after each block, put through the final norm and the unembedding: the tokens that block "
               "would say next with their probability, and the entropy of the distribution in nats. A raw lens says "
               "little about early blocks."));
    m_table->setObjectName(QStringLiteral("lens.table"));
    m_table->setAccessibleName(tr("Most probable next tokens by block"));
    m_table->setModel(m_model);
    m_table->setItemDelegate(new LensDelegate(m_table));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->verticalHeader()->setDefaultSectionSize(21);
    m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->setMinimumWidth(300);
    m_table->viewport()->installEventFilter(this); // its width decides how many candidates are readable
    setContent(m_table);
    setState(State::Empty, tr("Generate, then select a token."));
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    connect(workbench, &Workbench::runAppended, this, later);
    for (const auto signal : {&Workbench::runChanged, &Workbench::selectionChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
        Selection selection = this->workbench()->selection();
        selection.block = m_model->blockOfRow(index.row());
        this->workbench()->select(selection);
    });
}

bool LogitLensPanel::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::Resize)
        RepaintClock::instance().markDirty(this, [this] { refresh(); });
    return Panel::eventFilter(watched, event);
}

void LogitLensPanel::refresh()
{
    const RunData* run = workbench()->run();
    const Selection& selection = workbench()->selection();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const int position = lane ? values::shownPosition(*lane, "lens.ids", selection.position) : -1;
    constexpr int kReadable = 76; // px of a cell that shows most tokens and their probability
    m_model->setMost(std::clamp((m_table->viewport()->width() - kNatsWidth) / kReadable, 2, 5));
    if (!m_model->setPosition(lane, position)) {
        setState(State::Empty, run ? tr("No lens values for this token: select another one, or generate again.")
                                   : tr("Generate, then select a token."));
        return;
    }
    m_table->horizontalHeader()->setSectionResizeMode(m_model->candidates(), QHeaderView::Fixed);
    m_table->horizontalHeader()->resizeSection(m_model->candidates(), kNatsWidth);
    if (selection.block >= 0)
        m_table->selectRow(m_model->rowOfBlock(selection.block));
    setState(run->running ? State::Live : State::Captured);
}

QString LogitLensPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("block");
    for (int c = 0; c < m_model->candidates(); ++c)
        tsv += QStringLiteral("\ttoken %1\tp %1").arg(c + 1);
    tsv += QStringLiteral("\tentropy (nats)\n");
    for (int row = 0; row < m_model->rowCount(); ++row) {
        tsv += m_model->headerData(row, Qt::Vertical, Qt::DisplayRole).toString();
        for (int c = 0; c < m_model->candidates(); ++c)
            tsv += QStringLiteral("\t%1\t%2")
                       .arg(m_model->index(row, c).data().toString())
                       .arg(m_model->index(row, c).data(LensModel::ProbabilityRole).toDouble(), 0, 'g', 6);
        tsv += QLatin1Char('\t') + m_model->index(row, m_model->candidates()).data().toString() + QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
