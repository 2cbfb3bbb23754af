#pragma once

#include "ui/models/text_diff.h"
#include "ui/panels/panel.h"

#include <QElapsedTimer>

#include <array>

class QComboBox;
class QLabel;
class QPushButton;

namespace ls {

class TokenFlow;
struct RunData;

/// The replies of lanes A and B side by side: first divergence marked, differences tinted and walked through.
class CompareTextPanel : public Panel {
    Q_OBJECT
public:
    explicit CompareTextPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;

private:
    void refresh();
    void updateDiff(const RunData& run);
    void showSelection();
    void step(int direction); ///< to the next or previous difference
    Align align() const;

    struct Side {
        QString lane;
        QLabel* head;
        TokenFlow* flow;
    };
    Side m_sides[2];
    QComboBox* m_align;
    QLabel *m_divergence, *m_count;
    QPushButton *m_previous, *m_next;
    TextDiff m_diff;
    std::array<std::int64_t, 4> m_diffOf{}; ///< run, tokens of A and B, alignment
    QElapsedTimer m_sinceDiff;
    qint64 m_diffTook = 0; ///< ms
    int m_place = -1;      ///< difference that was gone to last
};

} // namespace ls
