#include "ui/models/tensor_model.h"

#include "core/json_value.h"
#include "ui/shell/text.h"

#include <algorithm>
#include <limits>

namespace ls {

namespace {

QString shapeText(const std::vector<std::int64_t>& shape)
{
    QStringList extents;
    for (const std::int64_t extent : shape)
        extents << QString::number(extent);
    return extents.join(QStringLiteral(" × "));
}

} // namespace

std::int64_t TensorRow::count() const
{
    std::int64_t product = 1;
    for (const std::int64_t extent : shape) {
        if (extent > 0 && product > std::numeric_limits<std::int64_t>::max() / extent)
            return std::numeric_limits<std::int64_t>::max();
        product *= extent;
    }
    return product;
}

void TensorModel::setTensors(const nlohmann::json& tensors)
{
    beginResetModel();
    m_rows.clear();
    if (tensors.is_array()) {
        m_rows.reserve(tensors.size());
        for (const auto& tensor : tensors) {
            TensorRow row{text::of(valueOr(tensor, "name", std::string())),
                          text::of(valueOr(tensor, "type", std::string())),
                          {},
                          std::max<std::int64_t>(0, valueOr(tensor, "bytes", std::int64_t(0)))};
            for (const auto& extent : valueOr(tensor, "shape", nlohmann::json::array()))
                row.shape.push_back(extent.is_number_integer() ? extent.get<std::int64_t>() : 0);
            m_rows.push_back(std::move(row));
        }
    }
    endResetModel();
}

int TensorModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_rows.size());
}

int TensorModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant TensorModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid())
        return {};
    const TensorRow& row = m_rows[std::size_t(index.row())];
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (index.column() == BytesColumn ? Qt::AlignRight : Qt::AlignLeft));
    if (role == Qt::ToolTipRole)
        return tr("%1\n%2, %3, %4 values, %5 bytes")
            .arg(row.name, shapeText(row.shape), row.type)
            .arg(row.count())
            .arg(row.bytes);
    if (role != Qt::DisplayRole)
        return {};
    switch (index.column()) {
    case NameColumn:
        return row.name;
    case ShapeColumn:
        return shapeText(row.shape);
    case TypeColumn:
        return row.type;
    default:
        return text::bytes(row.bytes);
    }
}

QVariant TensorModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section == BytesColumn ? Qt::AlignRight : Qt::AlignLeft));
    const QString titles[] = {tr("Tensor"), tr("Shape"), tr("Type"), tr("Size")};
    return role == Qt::DisplayRole ? titles[section] : QVariant();
}

TensorFilter::TensorFilter(TensorModel* model, QObject* parent)
    : QSortFilterProxyModel(parent)
    , m_model(model)
{
    setSourceModel(model);
}

void TensorFilter::setWords(const QString& text)
{
    m_words = text.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts);
    invalidateFilter();
}

const TensorRow& TensorFilter::row(int row) const
{
    return m_model->rows()[std::size_t(mapToSource(index(row, 0)).row())];
}

bool TensorFilter::filterAcceptsRow(int row, const QModelIndex&) const
{
    const TensorRow& tensor = m_model->rows()[std::size_t(row)];
    return std::all_of(m_words.begin(), m_words.end(), [&](const QString& word) {
        return tensor.name.contains(word, Qt::CaseInsensitive) || tensor.type.contains(word, Qt::CaseInsensitive);
    });
}

bool TensorFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const
{
    const TensorRow &a = m_model->rows()[std::size_t(left.row())], &b = m_model->rows()[std::size_t(right.row())];
    switch (left.column()) {
    case TensorModel::ShapeColumn:
        return a.count() != b.count() ? a.count() < b.count() : a.shape < b.shape;
    case TensorModel::BytesColumn:
        return a.bytes < b.bytes;
    case TensorModel::TypeColumn:
        return a.type < b.type;
    default:
        return a.name < b.name;
    }
}

} // namespace ls
