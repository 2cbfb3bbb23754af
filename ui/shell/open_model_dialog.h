#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <QDialog>

class QComboBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;
class QTableWidget;

namespace ls {

class Workbench;

/// Reads a model's headers through the engine, says what it is and whether it fits, and opens it. Not modal.
class OpenModelDialog : public QDialog {
    Q_OBJECT
public:
    explicit OpenModelDialog(Workbench* workbench, QWidget* parent = nullptr);
    void setPath(const QString& path);

Q_SIGNALS:
    void accepted(const QString& path, const QString& device, const QString& dtype, int context);

private:
    void browse();
    void inspect();
    void fillDevices();
    void show(const nlohmann::json& info);
    void showError(const Error& error);
    void showMemory();

    Workbench* m_workbench;
    std::uint32_t m_request = 0;
    nlohmann::json m_info;
    QLineEdit* m_path;
    QComboBox *m_device, *m_dtype;
    QSpinBox* m_context;
    QLabel *m_facts, *m_verdict;
    QProgressBar* m_memory;
    QTableWidget* m_tensors;
    QPushButton* m_load;
};

} // namespace ls
