#pragma once

#include "ui/panels/panel.h"

class QComboBox;
class QLabel;
class QTreeView;

namespace ls {

class LayerModel;

/// Model & layers: a row per block with what is active in it and one bar; facts about the selection below.
class ModelPanel : public Panel {
    Q_OBJECT
public:
    explicit ModelPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    void refresh();
    void showFacts();
    LayerModel* m_model;
    QTreeView* m_tree;
    QComboBox* m_measure;
    QLabel* m_facts;
};

} // namespace ls
