#pragma once

#include "core/session/session.h"

#include <QStandardItemModel>

namespace ls {

/// Runs and experiments of a session, newest first, in two groups.
class SessionModel : public QStandardItemModel {
    Q_OBJECT
public:
    enum Column { NameColumn, RateColumn, TimeColumn, ColumnCount };
    enum Role { SearchRole = Qt::UserRole }; ///< all that the filter looks at
    explicit SessionModel(QObject* parent = nullptr);

    void refresh(Session* session, const RunData* inView);
    RunData* runAt(const QModelIndex& index) const; ///< null for anything else
    QModelIndex indexOf(const RunData* run) const;

private:
    void fill(QStandardItem* group, int row, const QStringList& cells, const QString& tip);
    QStandardItem *m_runGroup, *m_experimentGroup;
    std::vector<RunData*> m_runs; ///< as the rows stand
};

} // namespace ls
