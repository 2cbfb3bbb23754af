#pragma once

#include "ui/shell/workbench.h"

#include <QAbstractTableModel>

namespace ls {

/// Rows embed, block 0 … block n-1, final norm; columns name, strip of what is active, one bar.
class LayerModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { NameColumn, StripColumn, BarColumn, ColumnCount };
    enum Role {
        BlockRole = Qt::UserRole, ///< -1 embed, block, n = final norm
        StripRole,                ///< Strip flags
        FractionRole,             ///< of the largest value in the column, 0..1; NaN without a value
        ValueRole
    }; ///< double, NaN without a value
    enum StripFlag {
        AttentionSkipped = 1,
        MlpSkipped = 2,
        AttentionSparse = 4,
        AttentionPruned = 8,
        MlpPruned = 16,
        VectorAdded = 32,
        HeadsOff = 64
    };
    explicit LayerModel(Workbench* workbench, QObject* parent = nullptr);

    void setMeasure(const QString& measure); ///< norm | contextualisation | entropy | safety | distance
    void refresh();                          ///< the values or the desk changed
    int rowOfBlock(int block) const { return block + 1; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    int stripOf(int block) const;
    Workbench* m_workbench;
    QString m_measure = QStringLiteral("norm");
    int m_blocks = 0;
    std::vector<double> m_values; ///< entry 0 = embedding
    double m_largest = 0;
    std::vector<int> m_strips;
};

} // namespace ls
