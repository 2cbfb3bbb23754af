#pragma once

#include "core/spec/method_schema.h"
#include "ui/desk/cost_line.h"
#include "ui/shell/workbench.h"

#include <QFrame>

class QComboBox;
class QLabel;
class QToolButton;

namespace ls {

class ParamEditor;
class SwitchButton;

/// One method on the desk, generated from its schema. objectName card.<key>, parts .switch .order .fold .menu
/// .param.<id> .policy .log .reason .cost.<cost> .measure (workbench-ui section 10).
class MethodCard : public QFrame {
    Q_OBJECT
    Q_PROPERTY(QString state READ state NOTIFY stateChanged)
public:
    MethodCard(const DeskCard& card, const MethodSchema& schema, QWidget* parent = nullptr);

    const QString& key() const { return m_card.key; }
    QString state() const { return m_state; } ///< off | pending | on | conflict | unavailable
    void setCard(const DeskCard& card, int index);
    void setModel(const ModelInfo* model);
    void setPending(bool pending);
    /// Why the engine refused it; cleared by the next change.
    void setReason(const Error& error);
    void setLog(const QString& log);
    CostLine* costs() const { return m_costs; }

Q_SIGNALS:
    void stateChanged();
    void cardEdited(const QString& what, const ls::DeskCard& card, bool dragging);
    void foldRequested(bool folded);
    void moveRequested(int by);
    void dragged(int globalY);            ///< the grip was let go here
    void command(const QString& command); ///< duplicate | reset | solo | remove | copy

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QWidget* buildHead();
    QWidget* buildParams();
    void updateRows();
    void setState(const QString& state);
    void showReason(const QString& text, const QString& detail = {});

    struct Row {
        const ParamSchema* schema;
        QLabel* label;
        ParamEditor* editor;
    };
    const MethodSchema& m_schema;
    DeskCard m_card;
    QString m_state;
    bool m_pending = false;
    std::vector<Row> m_rows;
    QLabel *m_order, *m_title, *m_chip, *m_log, *m_reason;
    SwitchButton* m_switch;
    QToolButton* m_fold;
    QComboBox* m_policy;
    QLabel* m_policyLabel;
    QWidget* m_body;
    CostLine* m_costs;
};

} // namespace ls
