#pragma once

#include "ui/panels/panel.h"

class QTableView;

namespace ls {

class LensModel;

/// What each block would say next: top tokens and their probability per layer at the selected (else newest) token.
class LogitLensPanel : public Panel {
    Q_OBJECT
public:
    explicit LogitLensPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void refresh();
    LensModel* m_model;
    QTableView* m_table;
};

} // namespace ls
