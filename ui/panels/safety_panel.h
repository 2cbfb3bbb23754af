#pragma once

#include "ui/panels/panel.h"

class QCustomPlot;
class QGridLayout;
class QLabel;
class QPushButton;
class QTableWidget;

namespace ls {

/// Safety states: projection on a harmful-minus-harmless direction by token, and how well it separates the held-out
/// half by block.
class SafetyPanel : public Panel {
    Q_OBJECT
public:
    explicit SafetyPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void arrange(); ///< low panels put everything beside each other
    void refresh();
    void showTokens();
    void showFit();
    void fit();

    QCustomPlot *m_byToken, *m_byBlock;
    QGridLayout* m_grid;
    QTableWidget* m_list;
    QLabel* m_note;
    QPushButton* m_fit;
    std::int64_t m_listed = -1; ///< experiment whose AUROCs the list shows
};

} // namespace ls
