#pragma once

#include "core/session/session.h"

#include <QAbstractTableModel>

namespace ls {

/// What the accuracy dashboard shows of one experiment `accuracy`: its metrics by name, and what guessing gives.
struct AccuracyResult {
    ExperimentData* experiment = nullptr;
    QString title;                    ///< "True or false", "MMLU: astronomy"
    std::optional<Metric> a, b;       ///< %
    std::optional<Metric> difference; ///< points, B - A
    std::optional<double> p, holm;    ///< McNemar; adjusted for the tasks shown together
    std::optional<Metric> aurocA, aurocB, aurocDifference;
    double chance = 0; ///< %
};

/// The newest experiment of each task that has rows, in the order of their first appearance.
std::vector<AccuracyResult> accuracyResults(Session& session);
/// "higher", "lower", "n.s.", or "—" without a second lane. No interval, no claim.
QString accuracyVerdict(const AccuracyResult& result);
QString taskTitle(const std::string& name); ///< of a stored task

/// Items that A and B answer differently.
class FlippedModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { ItemColumn, ChangeColumn, RightColumn, AColumn, BColumn, PromptColumn, ColumnCount };
    using QAbstractTableModel::QAbstractTableModel;

    void setExperiment(const ExperimentData* experiment); ///< null empties
    /// Prompt, choices with their log-probabilities, and both answers of a row.
    QString details(int row) const;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    struct Item {
        int item = 0, answer = -1, predicted[2] = {-1, -1};
        std::string prompt;
        std::vector<std::string> choices;
        std::vector<double> scores[2];
    };
    QString choice(const Item& item, int index) const;
    const ExperimentData* m_experiment = nullptr;
    std::size_t m_seen = 0; ///< rows of the experiment that are in
    std::vector<Item> m_items;
};

} // namespace ls
