#include "ui/models/lens_model.h"

#include "ui/models/run_values.h"
#include "ui/shell/text.h"

#include <cmath>

namespace ls {

bool LensModel::setPosition(const LaneData* lane, int position)
{
    const TapValue* ids = lane && position >= 0 ? lane->tap("lens.ids", position) : nullptr;
    std::vector<float> probs = ids ? values::tap(*lane, "lens.probs", position) : std::vector<float>{};
    const bool good = ids && ids->value.shape.size() == 2 && !probs.empty() && probs.size() == ids->texts.size();
    const int rows = good ? int(ids->value.shape[0]) : 0;
    const int candidates = good ? int(ids->value.shape[1]) : 0;
    const bool reshaped = rows != m_rows || candidates != m_candidates;
    if (reshaped)
        beginResetModel();
    m_rows = rows;
    m_candidates = candidates;
    m_probs = good ? std::move(probs) : std::vector<float>{};
    m_texts = good ? ids->texts : std::vector<std::string>{};
    m_entropy = good ? values::tap(*lane, "lens.entropy", position) : std::vector<float>{};
    if (reshaped)
        endResetModel();
    else if (rows > 0)
        Q_EMIT dataChanged(index(0, 0), index(rows - 1, this->candidates()));
    return good;
}

void LensModel::setMost(int candidates)
{
    if (candidates == m_shownMost)
        return;
    beginResetModel();
    m_shownMost = candidates;
    endResetModel();
}

int LensModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : m_rows;
}

int LensModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() || m_rows == 0 ? 0 : candidates() + 1;
}

QVariant LensModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const std::size_t layer = std::size_t(m_rows - 1 - index.row());
    if (index.column() == candidates()) {
        const double nats = layer < m_entropy.size() ? double(m_entropy[layer]) : std::nan("");
        if (role == Qt::DisplayRole)
            return text::number(nats, 2);
        if (role == Qt::TextAlignmentRole)
            return int(Qt::AlignRight | Qt::AlignVCenter);
        return {};
    }
    const std::size_t i = layer * std::size_t(m_candidates) + std::size_t(index.column());
    switch (role) {
    case Qt::DisplayRole:
        return text::token(m_texts[i]);
    case ProbabilityRole:
        return double(m_probs[i]);
    case Qt::ToolTipRole:
    case Qt::AccessibleDescriptionRole:
        return tr("%1: “%2” with probability %3")
            .arg(headerData(index.row(), Qt::Vertical, Qt::DisplayRole).toString(), text::token(m_texts[i]),
                 text::number(double(m_probs[i]), 4));
    default:
        return {};
    }
}

QVariant LensModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (role != Qt::DisplayRole)
        return {};
    if (orientation == Qt::Horizontal)
        return section == candidates() ? tr("nats") : QString::number(section + 1);
    const int block = blockOfRow(section);
    return block < 0 ? tr("emb") : QString::number(block);
}

} // namespace ls
