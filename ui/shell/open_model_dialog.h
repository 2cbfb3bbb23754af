#pragma once

#include "core/error.h"
#include "ui/models/model_facts.h"

#include <QDialog>
#include <QTimer>

class QComboBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;
class QTableWidget;

namespace ls {

class ModelInspection;
class RecentList;
class TensorBrowser;
class Workbench;
struct DeviceInfo;

/// Reads a model's headers through the engine, says what it is, whether it can be opened and fits, and opens it.
/// Nothing is loaded before Open, and nothing waits for the engine.
class OpenModelDialog : public QDialog {
    Q_OBJECT
public:
    explicit OpenModelDialog(Workbench* workbench, QWidget* parent = nullptr);
    ~OpenModelDialog() override;
    void setPath(const QString& path);

Q_SIGNALS:
    void accepted(const QString& path, const QString& device, const QString& dtype, int context);
    void sessionDropped(const QString& path);

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    QWidget* buildPath();
    QWidget* buildChoices();
    QWidget* buildContents();
    QWidget* buildButtons();
    void browse(bool folder);
    void inspect();
    void load();
    void pathChanged();
    void show(const nlohmann::json& info);
    void showError(const Error& error);
    void showFacts();
    void setBusy(bool busy);
    // choices
    void fillDevices();
    void fillDtypes();
    void showFit();
    void showButton();
    const DeviceInfo* device() const;
    std::int64_t freeBytes() const; ///< on the chosen device, with what the open model gives back; 0 = not known
    int context() const;            ///< as chosen, with "as trained" in numbers

    Workbench* m_workbench;
    ModelInspection* m_inspection;
    ModelFacts m_found;
    nlohmann::json m_info;
    std::optional<Error> m_error;
    Fit m_fit;
    bool m_inspected = false; ///< m_found is of the path in view
    QTimer m_typing, m_slow;
    RecentList* m_recent;
    QLineEdit* m_path;
    QComboBox *m_device, *m_dtype;
    QSpinBox* m_context;
    QLabel *m_facts, *m_problem, *m_verdict, *m_deviceNote, *m_reason;
    QProgressBar* m_memory;
    QPushButton *m_stopReading, *m_useDtype, *m_useContext, *m_load;
    TensorBrowser* m_tensors;
    QTableWidget* m_metadata;
};

} // namespace ls
