#pragma once

#include "core/session/run_data.h"

#include <QAbstractTableModel>

#include <algorithm>

namespace ls {

/// Logit lens at one position: rows from the last block down to the embedding, k candidates and the entropy.
class LensModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Role { ProbabilityRole = Qt::UserRole };
    using QAbstractTableModel::QAbstractTableModel;

    /// false if the lane has no lens values there; the model is then empty.
    bool setPosition(const LaneData* lane, int position);
    int blockOfRow(int row) const { return m_rows - 2 - row; } ///< -1 = embedding
    int rowOfBlock(int block) const { return m_rows - 2 - block; }
    int candidates() const { return std::min(m_candidates, m_shownMost); }
    /// At most so many candidates a row: a token that is elided to nothing says nothing.
    void setMost(int candidates);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    int m_rows = 0, m_candidates = 0, m_shownMost = 5;
    std::vector<std::string> m_texts; ///< [layer][candidate], layer 0 = embedding
    std::vector<float> m_probs;
    std::vector<float> m_entropy;
};

} // namespace ls
