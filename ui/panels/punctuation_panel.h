#pragma once

#include "ui/panels/panel.h"

class QComboBox;
class QCustomPlot;
class QLabel;
class QPushButton;

namespace ls {

class HeatMap;
struct ExperimentData;

/// Contextualisation by block and token, with word classes and the means of three groups of words.
class PunctuationPanel : public Panel {
    Q_OBJECT
public:
    explicit PunctuationPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    void refresh();
    void showGroups();
    void calibrate(bool asked);
    void runCorpus();
    std::string output() const; ///< tap of the chosen measure

    HeatMap* m_map;
    QCustomPlot* m_groups;
    QComboBox* m_measure;
    QLabel* m_note;
    QPushButton* m_corpus;
    std::string m_calibrated; ///< fingerprint the calibration was asked for
};

} // namespace ls
