#pragma once

#include "ui/panels/panel.h"
#include "ui/shell/workbench.h"

class QLabel;
class QScrollArea;
class QVBoxLayout;

namespace ls {

class CostLine;
class MethodCard;

/// The methods desk: ordered cards, the Add menu, and what the whole stack costs. Every change goes to the workbench
/// as one undo command holding the whole desk.
class DeskPanel : public Panel {
    Q_OBJECT
public:
    explicit DeskPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override; ///< the stack as JSON, one card a line

    void addMethod(const std::string& id);
    void toggleCard(int card);
    void switchAll(bool on); ///< off remembers which were on; on brings those back

private:
    void rebuild();
    void refresh();
    void refreshValues();
    void change(int card, const QString& what, const DeskCard& changed, bool dragging);
    void command(int card, const QString& command);
    void move(int card, int to);
    void measure(int card);
    int indexOf(const MethodCard* card) const;

    QScrollArea* m_scroll = nullptr;
    QVBoxLayout* m_list;
    QLabel* m_summary;
    CostLine* m_stack;
    std::vector<MethodCard*> m_cards;
    std::vector<QString> m_wereOn;
};

} // namespace ls
