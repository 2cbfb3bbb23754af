#pragma once

#include "ui/panels/panel.h"

#include <utility>

class QCustomPlot;
class QLabel;
class QPushButton;
class QSplitter;

namespace ls {

class HeatMap;
class PatternKey;
struct ExperimentData;

/// KL(A || B) per token: live up to the first divergence, afterwards only filled in; below it how far the streams of
/// both lanes are apart by block, as the engine tapped it.
class CompareStreamsPanel : public Panel {
    Q_OBJECT
public:
    explicit CompareStreamsPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void refresh();
    void showKl();
    bool showStreams(); ///< false if the run has none
    void showNote();
    void fillIn();
    void alignAxes();
    ExperimentData* filled() const;

    QCustomPlot *m_kl, *m_byBlock;
    HeatMap* m_streams;
    QSplitter* m_lower;
    PatternKey* m_key;
    QLabel* m_note;
    QPushButton* m_fillIn;
    std::pair<std::int64_t, int> m_shown{-1, 0}; ///< run and tokens that the token axis was set for
};

} // namespace ls
