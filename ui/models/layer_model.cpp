#include "ui/models/layer_model.h"

#include "core/json_value.h"
#include "core/spec/layer_set.h"
#include "ui/models/run_values.h"
#include "ui/shell/text.h"

#include <algorithm>
#include <cmath>

namespace ls {

LayerModel::LayerModel(Workbench* workbench, QObject* parent)
    : QAbstractTableModel(parent)
    , m_workbench(workbench)
{
    refresh();
}

void LayerModel::setMeasure(const QString& measure)
{
    m_measure = measure;
    refresh();
}

void LayerModel::refresh()
{
    const auto& model = m_workbench->model();
    const int blocks = model ? model->blockCount : 0;
    if (blocks != m_blocks) {
        beginResetModel();
        m_blocks = blocks;
        m_strips.assign(std::size_t(blocks), 0);
        m_values.clear();
        endResetModel();
    }
    for (int block = 0; block < m_blocks; ++block)
        m_strips[std::size_t(block)] = stripOf(block);
    static const std::map<QString, std::string> outputs{{QStringLiteral("norm"), "resid_norm"},
                                                        {QStringLiteral("contextualisation"), "contextualisation.c"},
                                                        {QStringLiteral("entropy"), "lens.entropy"},
                                                        {QStringLiteral("safety"), "safety.score"},
                                                        {QStringLiteral("distance"), "stream_distance"}};
    const std::string& output = outputs.at(m_measure);
    const Selection& selection = m_workbench->selection();
    const RunData* run = m_workbench->run();
    const LaneData* lane = run ? run->lane(selection.lane.toStdString()) : nullptr;
    const int position = lane ? values::shownPosition(*lane, output, selection.position) : -1;
    m_values.clear();
    m_largest = 0;
    if (position >= 0)
        for (const float value : values::tap(*lane, output, position)) {
            m_values.push_back(double(value));
            if (std::isfinite(value))
                m_largest = std::max(m_largest, std::abs(double(value)));
        }
    if (m_blocks > 0)
        Q_EMIT dataChanged(index(0, StripColumn), index(rowCount() - 1, BarColumn));
}

int LayerModel::stripOf(int block) const
{
    int flags = 0;
    const auto in = [&](const MethodUse& use, const char* key, const nlohmann::json& absent) {
        const auto layers = layerSetFromJson(use.params.contains(key) ? use.params[key] : absent, m_blocks);
        return layers && std::find(layers.value().begin(), layers.value().end(), block) != layers.value().end();
    };
    const nlohmann::json none = nlohmann::json::array();
    for (const MethodUse& use : enabledMethods(m_workbench->desk())) {
        if (use.method == "layer_skip") {
            const bool whole = in(use, "blocks", none);
            flags |= whole || in(use, "attention", none) ? AttentionSkipped : 0;
            flags |= whole || in(use, "mlp", none) ? MlpSkipped : 0;
        } else if (use.method == "sparse_attention") {
            flags |= in(use, "layers", "all") ? AttentionSparse : 0;
        } else if (use.method == "weight_pruning") {
            const int part = valueOr(use.params, "target", std::string("mlp")) == "mlp" ? MlpPruned : AttentionPruned;
            flags |= in(use, "layers", "all") ? part : 0;
        } else if (use.method == "head_ablation") {
            for (const auto& pair : valueOr(use.params, "heads", none))
                flags |= pair.is_array() && !pair.empty() && pair[0] == block ? HeadsOff : 0;
        } else {
            flags |= in(use, "layers", "all") ? VectorAdded : 0;
        }
    }
    return flags;
}

int LayerModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() || m_blocks == 0 ? 0 : m_blocks + 2;
}

int LayerModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant LayerModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const int block = index.row() - 1;
    const bool isBlock = block >= 0 && block < m_blocks;
    // The taps have one entry for the embedding and one after each block; the final norm has none.
    const double value = std::size_t(index.row()) < m_values.size() ? m_values[std::size_t(index.row())] : std::nan("");
    switch (role) {
    case BlockRole:
        return block;
    case StripRole:
        return isBlock ? m_strips[std::size_t(block)] : 0;
    case FractionRole:
        return m_largest > 0 ? std::abs(value) / m_largest : std::nan("");
    case ValueRole:
        return value;
    case Qt::DisplayRole:
        if (index.column() == NameColumn)
            return isBlock ? tr("Block %1").arg(block) : block < 0 ? tr("embed") : tr("final norm");
        if (index.column() == BarColumn)
            return std::isfinite(value) ? text::number(value, std::abs(value) >= 100 ? 0 : 2) : QString();
        return {};
    case Qt::ToolTipRole:
    case Qt::AccessibleDescriptionRole: {
        if (!isBlock)
            return {};
        QStringList parts;
        const int flags = m_strips[std::size_t(block)];
        const std::pair<int, QString> names[] = {{AttentionSkipped, tr("attention skipped")},
                                                 {MlpSkipped, tr("MLP skipped")},
                                                 {AttentionSparse, tr("attention sparse")},
                                                 {AttentionPruned, tr("attention pruned")},
                                                 {MlpPruned, tr("MLP pruned")},
                                                 {VectorAdded, tr("direction added or removed")},
                                                 {HeadsOff, tr("heads off")}};
        for (const auto& [flag, name] : names)
            if (flags & flag)
                parts << name;
        return tr("Block %1 in lane B: %2")
            .arg(block)
            .arg(parts.isEmpty() ? tr("runs in full") : parts.join(QStringLiteral(", ")));
    }
    default:
        return {};
    }
}

QVariant LayerModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    return section == NameColumn ? tr("Layer") : section == StripColumn ? tr("Attn MLP +") : tr("value");
}

} // namespace ls
