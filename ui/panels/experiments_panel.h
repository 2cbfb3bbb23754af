#pragma once

#include "ui/panels/panel.h"

class QPushButton;
class QTableView;

namespace ls {

class ExperimentsModel;

/// The queue of the engine and the experiments of the session: progress, result so far, state, cancel.
class ExperimentsPanel : public Panel {
    Q_OBJECT
public:
    explicit ExperimentsPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void refresh();
    void cancel();
    ExperimentsModel* m_model;
    QTableView* m_table;
    QPushButton* m_cancel;
};

} // namespace ls
