#pragma once

#include "core/data/tasks.h"
#include "ui/models/accuracy_results.h"
#include "ui/panels/panel.h"

#include <map>

class QComboBox;
class QCustomPlot;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QScrollArea;
class QSpinBox;
class QTabWidget;
class QTableView;

namespace ls {

/// Accuracy of A and B on the same items, perplexity on the same text: intervals, paired difference, and the items that
/// the lanes answer differently.
class AccuracyPanel : public Panel {
    Q_OBJECT
public:
    explicit AccuracyPanel(Workbench* workbench, QWidget* parent = nullptr);
    QString tableAsTsv() const override;
    /// The user's items or text, by name in the list of tasks from now on. Errors are shown in the panel.
    bool addCsv(const QString& path);
    bool addText(const QString& path);

private:
    void refresh();
    void showForest(const std::vector<AccuracyResult>& results);
    QString describe(const AccuracyResult& result, int shown) const;
    QString describePerplexity() const;
    void chosen(int index);
    void run();
    void addTask(const QString& title, const QString& id);
    void choose(const QString& id);
    bool isText() const; ///< a perplexity is chosen, not a task
    ExperimentData* running() const;

    QComboBox* m_tasks;
    QSpinBox* m_limit;
    QPushButton* m_run;
    QTabWidget* m_tabs;
    QCustomPlot* m_forest;
    QScrollArea* m_scroll;
    QLabel *m_details, *m_note;
    FlippedModel* m_flipped;
    QTableView* m_items;
    QPlainTextEdit* m_item;
    std::map<QString, Task> m_own;          ///< "csv/name" -> items
    std::map<QString, std::string> m_texts; ///< "text/name" -> text
    std::vector<std::string> m_rows;        ///< task of each line of the plot, top first
    int m_last = 0;                         ///< index chosen before a file dialog
};

} // namespace ls
