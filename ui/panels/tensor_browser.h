#pragma once

#include <nlohmann/json.hpp>

#include <QWidget>

class QLabel;
class QLineEdit;
class QTableView;

namespace ls {

class TensorFilter;
class TensorModel;

/// The tensors of a model file with filter, sorting, totals of the selection and copy. objectNames: <prefix>.tensors
/// .filter .totals .copyTensors.
class TensorBrowser : public QWidget {
    Q_OBJECT
public:
    explicit TensorBrowser(const QString& prefix, QWidget* parent = nullptr);
    void setTensors(const nlohmann::json& tensors); ///< [{name, shape, type, bytes}]
    /// The selected rows as they stand, else all that are shown: name, shape, type, bytes under a heading.
    QString asTsv() const;

protected:
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void copy() const;
    void showTotals();
    std::vector<int> chosen() const; ///< rows of the filter: the selection, else all
    TensorModel* m_model;
    TensorFilter* m_filter;
    QLineEdit* m_words;
    QTableView* m_table;
    QLabel* m_totals;
};

} // namespace ls
