#pragma once

#include <QStyledItemDelegate>

namespace ls {

/// Two cells for the branches of a block (filled runs, slashed skipped, bars sparse, low pruned) and a plus for a
/// direction; of LayerModel's StripRole.
class StripDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// A bar of LayerModel's FractionRole beside its number.
class BarDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

} // namespace ls
