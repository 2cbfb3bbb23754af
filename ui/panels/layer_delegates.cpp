#include "ui/panels/layer_delegates.h"

#include "ui/models/layer_model.h"
#include "ui/shell/theme.h"

#include <QPainter>

#include <cmath>

namespace ls {

using theme::Role;

namespace {

void cell(QPainter* painter, const QRect& box, bool skipped, bool sparse, bool pruned)
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

} // namespace

void StripDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
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

void BarDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
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

} // namespace ls
