#pragma once

#include <nlohmann/json.hpp>

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>

#include <vector>

namespace ls {

struct TensorRow {
    QString name, type;
    std::vector<std::int64_t> shape;
    std::int64_t bytes = 0;
    std::int64_t count() const; ///< values
};

/// The tensors of a model file: name, shape, type, bytes. Thousands of rows; nothing is made per row.
class TensorModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { NameColumn, ShapeColumn, TypeColumn, BytesColumn, ColumnCount };
    using QAbstractTableModel::QAbstractTableModel;

    void setTensors(const nlohmann::json& tensors); ///< [{name, shape, type, bytes}]; what is missing is empty
    const std::vector<TensorRow>& rows() const { return m_rows; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::vector<TensorRow> m_rows;
};

/// Rows whose name or type contains every word of the filter; sorted by value, not by text.
class TensorFilter : public QSortFilterProxyModel {
    Q_OBJECT
public:
    explicit TensorFilter(TensorModel* model, QObject* parent = nullptr);
    void setWords(const QString& text);
    const TensorRow& row(int row) const;

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    TensorModel* m_model;
    QStringList m_words;
};

} // namespace ls
