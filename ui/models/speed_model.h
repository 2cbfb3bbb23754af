#pragma once

#include "core/session/session.h"

#include <QAbstractTableModel>

namespace ls {

/// One line of the speed table.
struct SpeedRow {
    std::string test;               ///< "tg128"; "ttft" and "memory" for those of a run
    std::string unit;               ///< "tok/s", "ms", "MiB"
    std::optional<double> a, b;     ///< means
    std::optional<double> sdA, sdB; ///< of the repetitions, n - 1
    std::optional<Metric> ratio;    ///< B / A, with interval where there is one
    int n = 0;
    bool moreIsBetter = true;
};

/// Of a `bench` (null: none) and of the run in view (null: none).
std::vector<SpeedRow> speedRows(const ExperimentData* bench, const std::vector<Metric>& metrics, const RunData* run);
/// "faster", "slower", "n.s.", or why there is none. No interval, no claim.
QString speedVerdict(const SpeedRow& row);

/// The table: test | A | B | B / A | n | verdict.
class SpeedModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { TestColumn, AColumn, BColumn, RatioColumn, CountColumn, VerdictColumn, ColumnCount };
    using QAbstractTableModel::QAbstractTableModel;

    void setRows(std::vector<SpeedRow> rows);
    const std::vector<SpeedRow>& rows() const { return m_rows; }
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<SpeedRow> m_rows;
};

} // namespace ls
