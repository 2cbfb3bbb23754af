#pragma once

#include "ui/panels/panel.h"

class QCustomPlot;
class QGridLayout;

namespace ls {

/// Live plots of the run in view: rate, step latency, memory, KL to A.
class DashboardPanel : public Panel {
    Q_OBJECT
public:
    explicit DashboardPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void refresh();
    void arrange(int columns);
    QCustomPlot *m_rate, *m_latency, *m_memory, *m_kl;
    QGridLayout* m_grid;
    int m_columns = 0;
};

} // namespace ls
