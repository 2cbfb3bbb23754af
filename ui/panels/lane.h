#pragma once

#include <QFrame>

class QComboBox;
class QLabel;

/// A generation lane: header with state and rate, and the token flow. objectName lane.<X>, parts .tokens .colour
/// .state .rate .
namespace ls {

class TokenFlow;
class Workbench;

class Lane : public QFrame {
    Q_OBJECT
public:
    Lane(const QString& name, Workbench* workbench, QWidget* parent = nullptr);

private:
    void reload();
    void refresh();
    void recolour();

    QString m_name;
    Workbench* m_workbench;
    TokenFlow* m_flow;
    QLabel* m_title;
    QLabel* m_state;
    QLabel* m_rate;
    QComboBox* m_colour;
};

} // namespace ls
