#pragma once

#include "ui/panels/panel.h"

class QLabel;
class QLineEdit;
class QModelIndex;
class QSortFilterProxyModel;
class QTreeView;

namespace ls {

class SessionModel;

/// Runs and experiments of the session; below: what differs between A and B of the run in view, and the verdict.
class SessionPanel : public Panel {
    Q_OBJECT
public:
    explicit SessionPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    void refresh();
    void open(const QModelIndex& index);

    SessionModel* m_model;
    QSortFilterProxyModel* m_filtered;
    QLineEdit* m_filter;
    QTreeView* m_tree;
    QLabel *m_diff, *m_verdict;
};

} // namespace ls
