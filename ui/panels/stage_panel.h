#pragma once

#include "ui/models/stage_bars.h"
#include "ui/panels/panel.h"

class QCustomPlot;
class QLabel;
class QMouseEvent;

namespace ls {

/// Where a decode step of the run in view goes: a stacked bar per lane on one axis of ms.
class StagePanel : public Panel {
    Q_OBJECT
public:
    explicit StagePanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void refresh();
    void draw();
    void explain(const QMouseEvent* event); ///< the segment under the pointer as a tooltip
    void runAgain();

    QLabel* m_key;
    QCustomPlot* m_plot;
    QLabel* m_note;
    std::vector<StageBar> m_bars;
};

} // namespace ls
