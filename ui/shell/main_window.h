#pragma once

#include <QMainWindow>

#include <map>

class QButtonGroup;
class QLabel;
class QPushButton;
class QSplitter;
class QStackedWidget;
class QToolButton;

namespace ls {

class Banner;
class CertificateStatus;
class DeskPanel;
class Panel;
class ReportPanel;
class PromptRow;
class WelcomePage;
class Workbench;
struct Error;
struct ModelInfo;

/// The window: run bar, welcome page or prompt row and lanes, a dock per panel, status bar, banner. It wires parts to
/// the workbench and holds no state of the analysis itself. Object names: workbench-ui section 10.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    static constexpr const char* kLayouts[] = {"inspect", "accelerate", "steer", "compare", "report"};
    explicit MainWindow(Workbench* workbench, QWidget* parent = nullptr);
    void setLayoutName(const QString& layout); ///< one of kLayouts
    const QString& layoutName() const { return m_layout; }
    void openPath(const QString& path); ///< a model or a .lsdb
    void generate();

protected:
    void resizeEvent(QResizeEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void closeEvent(QCloseEvent* event) override;

private:
    void buildActions();
    void buildRunBar();
    void buildCentre();
    void buildDocks();
    void buildStatus();
    void connectWorkbench();
    QAction* addAction(QMenu* menu, const char* name, const QString& title, const QString& keys);
    void addPanel(Panel* panel);
    void arrange();
    void refresh();
    void refreshStatus();
    void showProblem(const Error& error);
    void chooseModel(const QString& path = {});
    void chooseSession();
    void chooseSessionName();
    void showPalette();
    void nextRegion(int step);
    void remember(const QString& path); ///< a session
    void rememberModel(const ModelInfo& model);

    Workbench* m_workbench;
    QAction *m_generate, *m_stop, *m_pause, *m_saveAs, *m_exportReport;
    QMenu *m_methodsMenu, *m_viewMenu;
    Banner* m_banner;
    QToolBar* m_bannerBar;
    PromptRow* m_prompt;
    WelcomePage* m_welcome;
    QStackedWidget* m_pages;
    QSplitter* m_lanes;
    DeskPanel* m_desk;
    ReportPanel* m_report;
    QButtonGroup* m_layouts;
    std::map<QString, QDockWidget*> m_docks;
    QString m_layout = QStringLiteral("inspect");
    int m_arrangedFor = -1; ///< size class the docks were arranged for
    bool m_welcoming = true;
    CertificateStatus* m_certificate;
    QToolButton* m_parity;
    QLabel *m_model, *m_statusModel, *m_statusDevice, *m_fallback, *m_memory, *m_rates, *m_progress, *m_saved;
};

} // namespace ls
