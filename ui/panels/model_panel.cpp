#include "ui/panels/model_panel.h"

#include "ui/models/layer_model.h"
#include "ui/models/run_values.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>

#include <cmath>

namespace ls {

namespace {

using theme::Role;

/// Two cells for the branches (filled runs, slashed skipped, bars sparse, low pruned) and a plus for a direction.
class StripDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        QStyledItemDelegate::paint(painter, option, index);
        const int block = index.data(LayerModel::BlockRole).toInt();
        if (block < 0 || index.row() == index.model()->rowCount() - 1)
            return;
        const int flags = index.data(LayerModel::StripRole).toInt();
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        const int y = option.rect.center().y() - 5;
        cell(painter, QRect(option.rect.left() + 4, y, 16, 10), flags & LayerModel::AttentionSkipped,
             flags & LayerModel::AttentionSparse, flags & (LayerModel::AttentionPruned | LayerModel::HeadsOff));
        cell(painter, QRect(option.rect.left() + 24, y, 16, 10), flags & LayerModel::MlpSkipped, false,
             flags & LayerModel::MlpPruned);
        if (flags & LayerModel::VectorAdded) {
            painter->setPen(QPen(theme::color(Role::LaneB), 2));
            const QPoint centre(option.rect.left() + 50, y + 5);
            painter->drawLine(centre - QPoint(4, 0), centre + QPoint(4, 0));
            painter->drawLine(centre - QPoint(0, 4), centre + QPoint(0, 4));
        }
        painter->restore();
    }

private:
    static void cell(QPainter* painter, const QRect& box, bool skipped, bool sparse, bool pruned)
    {
        const QColor changed = theme::color(Role::LaneB);
        if (skipped) {
            painter->setBrush(Qt::NoBrush);
            painter->setPen(QPen(changed, 1.4));
            painter->drawRoundedRect(box, 2, 2);
            painter->drawLine(box.bottomLeft(), box.topRight());
            return;
        }
        painter->setPen(Qt::NoPen);
        if (sparse) {
            for (int i = 0; i < 3; ++i)
                painter->fillRect(QRect(box.left() + i * 6, box.top(), 4, box.height()), changed);
        } else if (pruned) {
            painter->fillRect(QRect(box.left(), box.center().y(), box.width(), box.height() / 2), changed);
        } else {
            painter->setBrush(theme::color(Role::LaneA));
            painter->drawRoundedRect(box, 2, 2);
        }
    }
};

class BarDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        QStyleOptionViewItem plain = option;
        plain.displayAlignment = Qt::AlignRight | Qt::AlignVCenter;
        QStyledItemDelegate::paint(painter, plain, index);
        const double fraction = index.data(LayerModel::FractionRole).toDouble();
        if (!std::isfinite(fraction))
            return;
        const int room = option.rect.width() - 62;
        const QRect bar(option.rect.left() + 2, option.rect.center().y() - 3, room, 6);
        painter->fillRect(bar, theme::color(Role::Grid));
        const bool negative = index.data(LayerModel::ValueRole).toDouble() < 0;
        painter->fillRect(QRect(bar.topLeft(), QSize(int(fraction * room), 6)),
                          negative ? theme::signedColor(-1) : theme::viridis(0.25 + 0.6 * fraction));
    }
};

} // namespace

ModelPanel::ModelPanel(Workbench* workbench, QWidget* parent)
    : Panel(QStringLiteral("model"), tr("Model & layers"), workbench, parent)
    , m_model(new LayerModel(workbench, this))
    , m_tree(new QTreeView)
    , m_measure(new QComboBox)
    , m_facts(new QLabel)
{
    setHelp(tr("One row per block. The cells show what lane B runs: filled = in full, crossed out = skipped, bars = "
               "sparse attention, low bar = pruned, + = a direction is added or removed. The bar shows the chosen "
               "measure at the selected (else newest) token."));
    auto* body = new QWidget;
    auto* column = new QVBoxLayout(body);
    column->setContentsMargins(8, 8, 8, 8);
    auto* row = new QHBoxLayout;
    auto* caption = new QLabel(tr("Bar shows"));
    caption->setProperty("role", "second");
    m_measure->setObjectName(QStringLiteral("model.measure"));
    m_measure->setAccessibleName(tr("What the bar shows"));
    m_measure->addItem(tr("residual norm"), QStringLiteral("norm"));
    m_measure->addItem(tr("contextualisation c"), QStringLiteral("contextualisation"));
    m_measure->addItem(tr("lens entropy (nats)"), QStringLiteral("entropy"));
    m_measure->addItem(tr("safety score (sd)"), QStringLiteral("safety"));
    m_measure->addItem(tr("1 − cosine to A"), QStringLiteral("distance"));
    row->addWidget(caption);
    row->addWidget(m_measure, 1);
    column->addLayout(row);
    m_tree->setObjectName(QStringLiteral("model.tree"));
    m_tree->setAccessibleName(tr("Blocks of the model"));
    m_tree->setRootIsDecorated(false);
    m_tree->setUniformRowHeights(true);
    m_tree->setModel(m_model);
    m_tree->setItemDelegateForColumn(LayerModel::StripColumn, new StripDelegate(m_tree));
    m_tree->setItemDelegateForColumn(LayerModel::BarColumn, new BarDelegate(m_tree));
    m_tree->header()->setSectionResizeMode(QHeaderView::Fixed);
    m_tree->header()->setStretchLastSection(true);
    m_tree->header()->resizeSection(LayerModel::NameColumn, 74);
    m_tree->header()->resizeSection(LayerModel::StripColumn, 88);
    column->addWidget(m_tree, 1);
    m_facts->setObjectName(QStringLiteral("model.selection"));
    m_facts->setAccessibleName(tr("Facts about the selection"));
    m_facts->setTextFormat(Qt::RichText);
    m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_facts->setWordWrap(true);
    column->addWidget(m_facts);
    setContent(body);

    connect(m_measure, &QComboBox::currentIndexChanged, this,
            [this] { m_model->setMeasure(m_measure->currentData().toString()); });
    connect(m_tree, &QTreeView::clicked, this, [this](const QModelIndex& index) {
        const int block = index.data(LayerModel::BlockRole).toInt();
        Selection selection = this->workbench()->selection();
        const bool isBlock = block >= 0 && index.row() < m_model->rowCount() - 1;
        selection.block = isBlock ? block : -1;
        this->workbench()->select(selection);
    });
    const auto later = [this] { RepaintClock::instance().markDirty(this, [this] { refresh(); }); };
    for (const auto signal : {&Workbench::modelChanged, &Workbench::runChanged, &Workbench::deskChanged,
                              &Workbench::selectionChanged, &Workbench::generationStateChanged})
        connect(workbench, signal, this, later);
    connect(workbench, &Workbench::runAppended, this, later);
    refresh();
}

void ModelPanel::refresh()
{
    m_model->refresh();
    const auto& model = workbench()->model();
    if (!model) {
        setState(State::Empty, tr("Open a model with File > Open model."));
        return;
    }
    setState(workbench()->generating() ? State::Live : State::Captured);
    const int block = workbench()->selection().block;
    const QModelIndex row = m_model->index(m_model->rowOfBlock(block), 0);
    if (block >= 0 && m_tree->currentIndex().row() != row.row())
        m_tree->setCurrentIndex(row);
    showFacts();
}

void ModelPanel::showFacts()
{
    const ModelInfo& model = *workbench()->model();
    QString rows;
    const auto add = [&rows](const QString& name, const QString& value) {
        rows += QStringLiteral("<tr><td style='padding-right:12px'>%1</td><td align='right'>%2</td></tr>")
                    .arg(name.toHtmlEscaped(), value.toHtmlEscaped());
    };
    const Selection& selection = workbench()->selection();
    const RunData* run = workbench()->run();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const int position = lane ? (selection.position >= 0 ? selection.position : int(lane->tokens.size()) - 1) : -1;
    if (lane && position >= 0 && position < int(lane->tokens.size())) {
        const TokenData& token = lane->tokens[std::size_t(position)];
        rows += QStringLiteral("<tr><td colspan='2'><b>%1</b></td></tr>")
                    .arg(tr("Lane %1, token %2 “%3”")
                             .arg(selection.lane)
                             .arg(position)
                             .arg(text::token(token.text))
                             .toHtmlEscaped());
        add(tr("log-probability"), tr("%1 nats").arg(text::number(double(token.logprob), 2)));
        const std::pair<QString, QString> kinds[] = {{tr("contextualisation c"), QStringLiteral("contextualisation")},
                                                     {tr("safety score"), QStringLiteral("safety")}};
        for (const auto& [title, kind] : kinds)
            if (const double value = values::ofToken(*lane, kind, position, selection.block); std::isfinite(value))
                add(selection.block >= 0 ? tr("%1, block %2").arg(title).arg(selection.block) : title,
                    text::number(value, 2));
    }
    rows += QStringLiteral("<tr><td colspan='2'><b>%1</b></td></tr>").arg(text::of(model.name).toHtmlEscaped());
    add(tr("blocks × width"), QStringLiteral("%1 × %2").arg(model.blockCount).arg(model.width));
    add(tr("heads / KV heads"), QStringLiteral("%1 / %2").arg(model.headCount).arg(model.kvHeadCount));
    add(tr("parameters"), tr("%1 M").arg(double(model.parameterCount) / 1e6, 0, 'f', 1));
    add(tr("stored, run as"), QStringLiteral("%1, %2").arg(text::of(model.storedType), text::of(model.dtype)));
    m_facts->setText(QStringLiteral("<table width='100%'>%1</table>").arg(rows));
}

QString ModelPanel::tableAsTsv() const
{
    QString tsv = QStringLiteral("layer\t%1\n").arg(m_measure->currentData().toString());
    for (int row = 0; row < m_model->rowCount(); ++row) {
        const double value = m_model->index(row, LayerModel::BarColumn).data(LayerModel::ValueRole).toDouble();
        tsv += m_model->index(row, 0).data().toString() + QLatin1Char('\t') +
               (std::isfinite(value) ? QString::number(value, 'g', 9) : QString()) + QLatin1Char('\n');
    }
    return tsv;
}

} // namespace ls
