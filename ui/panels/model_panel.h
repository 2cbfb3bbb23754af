#pragma once

#include "ui/models/model_facts.h"
#include "ui/panels/panel.h"

class QComboBox;
class QLabel;
class QPushButton;
class QTabWidget;
class QTreeView;

namespace ls {

class CertificateStatus;
class LayerModel;
class ModelInspection;
class TensorBrowser;

/// Model & layers: a row per block with what is active in it and one bar, facts about the selection below; the model's
/// card and its tensors as tabs; the way to its certificate.
class ModelPanel : public Panel {
    Q_OBJECT
public:
    explicit ModelPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

Q_SIGNALS:
    void certificateRequested();

private:
    QWidget* buildCard();
    void inspect();
    void showCard(const nlohmann::json& info);
    void showCertificate();
    void refresh();
    void showFacts();
    LayerModel* m_model;
    QTreeView* m_tree;
    QComboBox* m_measure;
    QLabel* m_facts;
    ModelInspection* m_inspection;
    CertificateStatus* m_certificate;
    ModelFacts m_found;
    std::string m_inspected; ///< fingerprint and path of what the card and the tensors are of
    QTabWidget* m_tabs;
    QLabel* m_card;
    TensorBrowser* m_tensors;
    QPushButton* m_toCertificate;
};

} // namespace ls
