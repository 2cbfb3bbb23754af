#pragma once

#include "core/session/run_data.h"

#include <QFrame>

class QBoxLayout;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace ls {

/// One prompt for all lanes with its form, sampler, seed and maximum. On a narrow window the settings stand below it.
class PromptRow : public QFrame {
    Q_OBJECT
public:
    explicit PromptRow(QWidget* parent = nullptr);
    /// Prompt and sampler; lanes and probes are the caller's.
    RunSpec spec(const ModelInfo& model) const;
    /// Why nothing can be generated and what helps; an empty reason hides the line. `button` empty: none.
    void setReason(const QString& reason, const QString& button = {});
    bool isEmpty() const;           ///< nothing written
    void show(const RunSpec& spec); ///< of a stored run
    using QFrame::show;

Q_SIGNALS:
    void submitted();
    void helpRequested(); ///< the reason's button

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    QBoxLayout* m_rows;
    QWidget* m_whyNot;
    QLabel* m_reason;
    QPushButton* m_help;
    QLineEdit* m_prompt;
    QComboBox* m_template;
    QDoubleSpinBox *m_temperature, *m_topP;
    QSpinBox *m_seed, *m_maximum;
};

} // namespace ls
