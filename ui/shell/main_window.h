#pragma once

#include <QMainWindow>

class QButtonGroup;
class QComboBox;
class QDoubleSpinBox;
class QFrame;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace ls {

class Workbench;
struct Error;

/// The window: run bar, prompt row, lanes, status bar, banner. It wires parts to the workbench and holds no state of
/// the analysis itself. Object names: workbench-ui section 10.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(Workbench* workbench, QWidget* parent = nullptr);

private:
    void buildActions();
    void buildRunBar();
    QWidget* buildBanner();
    QWidget* buildPrompt();
    void buildStatus();
    void generate();
    void refresh();
    void showProblem(const Error& error);
    void chooseModel();
    void chooseSession();
    void chooseSessionName();

    Workbench* m_workbench;
    QAction *m_generate, *m_stop, *m_saveAs;
    QFrame* m_banner;
    QLabel* m_bannerText;
    QPushButton* m_bannerAction;
    QLineEdit* m_prompt;
    QComboBox* m_template;
    QDoubleSpinBox *m_temperature, *m_topP;
    QSpinBox *m_seed, *m_maximum;
    QLabel *m_model, *m_statusModel, *m_statusDevice, *m_fallback, *m_memory, *m_rates, *m_progress, *m_saved;
};

} // namespace ls
