#pragma once

#include "core/certificate/certificate.h"
#include "ui/panels/panel.h"

#include <optional>

class QLabel;
class QPushButton;
class QTableWidget;

namespace ls {

class HeatMap;
struct ExperimentData;

/// The certificate of the open model: verdict, first site over the bar, errors by site and block, checks. Verify runs
/// the engine's experiment "certify"; the newest certificate of a model file is kept beside the other caches.
class ParityPanel : public Panel {
    Q_OBJECT
public:
    explicit ParityPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    void verify();
    void onExperiment(ExperimentData* experiment);
    void onModel();
    void refresh();
    void showMap();
    void showChecks();

    std::optional<Certificate> m_certificate; ///< of the model in view
    std::string m_kept;                       ///< id of the experiment whose certificate was stored
    QLabel *m_verdict, *m_facts;
    HeatMap* m_map;
    QTableWidget* m_checks;
    QPushButton* m_run;
};

} // namespace ls
