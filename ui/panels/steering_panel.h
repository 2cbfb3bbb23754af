#pragma once

#include "ui/panels/panel.h"
#include "ui/panels/steering_vectors.h"

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QTableWidget;
class QTabWidget;

namespace ls {

class PairsEditor;

/// Steering studio: the vectors of this session, and contrast pairs to build one from. Strength and tokens are the
/// steering card's.
class SteeringPanel : public Panel {
    Q_OBJECT
public:
    explicit SteeringPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    QWidget* buildVectors();
    QWidget* buildPairs();
    void refresh();
    void fillTable();
    void refreshButtons();
    void readSession();
    void build();
    void onExperiment(ExperimentData* experiment);
    void import();
    void exportVector();
    void useOnCard();
    void storePairs();
    const steering::Vector* selected() const;
    /// Shown in both tabs until the next action; an empty error takes it back.
    void say(const QString& text, const char* role);
    void fail(const Error& error);

    std::vector<steering::Vector> m_vectors;
    QTabWidget* m_tabs;
    QTableWidget* m_table;
    PairsEditor* m_pairs;
    QLineEdit* m_name;
    QSpinBox* m_layer;
    QCheckBox* m_template;
    QPushButton *m_build, *m_import, *m_export, *m_use;
    QLabel *m_buildNote, *m_message, *m_buildMessage;
    bool m_layerChosen = false; ///< by the user, or from the session
};

} // namespace ls
