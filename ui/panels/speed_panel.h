#pragma once

#include "ui/panels/panel.h"

class QCustomPlot;
class QLabel;
class QPushButton;
class QTableView;

namespace ls {

class SpeedModel;
struct ExperimentData;

/// The speed of A and B, interleaved and repeated, with intervals; beside it TTFT and memory of the run in view.
class SpeedPanel : public Panel {
    Q_OBJECT
public:
    explicit SpeedPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void refresh();
    void showPlot();
    void run();
    const ExperimentData* bench() const; ///< the newest with rows, else the newest

    SpeedModel* m_model;
    QTableView* m_table;
    QCustomPlot* m_plot;
    QLabel* m_note;
    QPushButton* m_run;
};

} // namespace ls
