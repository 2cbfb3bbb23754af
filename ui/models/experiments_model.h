#pragma once

#include "core/session/session.h"

#include <QAbstractTableModel>
#include <QElapsedTimer>

#include <map>

namespace ls {

/// "Speed", "Accuracy: MMLU, 13 subjects", ...
QString experimentTitle(const ExperimentData& experiment);
/// What it was asked: methods, lanes, sizes.
QString experimentConfiguration(const ExperimentData& experiment);
/// Its main number with interval; for a running one what there is so far.
QString experimentResult(const ExperimentData& experiment);

/// The queue and all that the session holds, newest first.
class ExperimentsModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { NameColumn, ConfigurationColumn, ProgressColumn, EtaColumn, ResultColumn, StateColumn, ColumnCount };
    enum Role { FractionRole = Qt::UserRole }; ///< of the progress column: 0 to 1, or nothing
    using QAbstractTableModel::QAbstractTableModel;

    void setSession(Session* session); ///< null empties
    void refresh();                    ///< rows and values
    ExperimentData* at(int row) const;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    QString eta(const ExperimentData& experiment) const;
    struct Pace { ///< since the first progress that was seen
        QElapsedTimer timer;
        double done = 0;
    };
    Session* m_session = nullptr;
    std::vector<ExperimentData*> m_rows;
    std::map<const ExperimentData*, Pace> m_pace;
};

} // namespace ls
