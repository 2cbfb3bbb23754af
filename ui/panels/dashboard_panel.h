#pragma once

#include "ui/panels/panel.h"

#include <vector>

class QCustomPlot;
class QGridLayout;
class QLabel;

namespace ls {

struct RunData;

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
    void showMemory(const RunData& run);
    void arrange(int columns);
    QCustomPlot *m_rate, *m_latency, *m_memory, *m_kl;
    QLabel *m_rateSide, *m_latencySide, *m_memorySide, *m_klSide; ///< legend or numbers beside a plot's title
    std::vector<QWidget*> m_cells;
    QGridLayout* m_grid;
    int m_columns = 0;
};

} // namespace ls
