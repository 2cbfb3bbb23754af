#include "ui/panels/tensor_browser.h"

#include "ui/models/model_facts.h"
#include "ui/models/tensor_model.h"
#include "ui/shell/text.h"

#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <numeric>

namespace ls {

TensorBrowser::TensorBrowser(const QString& prefix, QWidget* parent)
    : QWidget(parent)
    , m_model(new TensorModel(this))
    , m_filter(new TensorFilter(m_model, this))
    , m_words(new QLineEdit)
    , m_table(new QTableView)
    , m_totals(new QLabel)
{
    const auto name = [&](QWidget* widget, const char* id, const QString& label) {
        widget->setObjectName(prefix + QLatin1Char('.') + QLatin1String(id));
        widget->setAccessibleName(label);
    };
    name(m_words, "filter", tr("Filter tensors by name or type"));
    m_words->setPlaceholderText(tr("Filter: name or type"));
    m_words->setClearButtonEnabled(true);
    auto* copyButton = new QPushButton(tr("Copy"));
    name(copyButton, "copyTensors", tr("Copy the tensors as text"));
    copyButton->setToolTip(tr("The selected rows, else all that are shown (Ctrl+C)"));
    copyButton->setAutoDefault(false);
    name(m_table, "tensors", tr("Tensors"));
    m_table->setModel(m_filter);
    m_table->setSortingEnabled(true);
    m_filter->sort(-1); // the order of the file until a column is chosen
    m_table->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
    m_table->horizontalHeader()->setSortIndicatorClearable(true);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_table->setTabKeyNavigation(false); // Tab leaves the table
    m_table->setShowGrid(false);
    m_table->setWordWrap(false);
    m_table->setTextElideMode(Qt::ElideMiddle);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed); // measuring thousands of rows takes seconds
    m_table->verticalHeader()->setDefaultSectionSize(21);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setMinimumSectionSize(46);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    m_table->horizontalHeader()->setSectionResizeMode(TensorModel::NameColumn, QHeaderView::Stretch);
    m_table->horizontalHeader()->resizeSection(TensorModel::ShapeColumn, 92);
    m_table->horizontalHeader()->resizeSection(TensorModel::TypeColumn, 48);
    m_table->horizontalHeader()->resizeSection(TensorModel::BytesColumn, 70);
    name(m_totals, "totals", tr("Totals"));
    m_totals->setProperty("role", "second");
    m_totals->setWordWrap(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 6, 0, 0);
    column->setSpacing(4);
    auto* row = new QHBoxLayout;
    row->addWidget(m_words, 1);
    row->addWidget(copyButton);
    column->addLayout(row);
    column->addWidget(m_table, 1);
    column->addWidget(m_totals);

    m_words->installEventFilter(this);
    m_table->installEventFilter(this);

    connect(m_words, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_filter->setWords(text);
        showTotals();
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &TensorBrowser::showTotals);
    connect(copyButton, &QPushButton::clicked, this, &TensorBrowser::copy);
    showTotals();
}

void TensorBrowser::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    constexpr int kNarrow = 380; // px: names need the room; a row's tooltip and the copy have the shape
    m_table->setColumnHidden(TensorModel::ShapeColumn, width() < kNarrow);
}

bool TensorBrowser::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() != QEvent::KeyPress)
        return QWidget::eventFilter(watched, event);
    const auto* key = static_cast<QKeyEvent*>(event);
    if (watched == m_table && key->matches(QKeySequence::Copy)) {
        copy(); // the view itself would copy one cell
        return true;
    }
    if (watched == m_words && (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter)) {
        m_table->setFocus(Qt::TabFocusReason); // not the default button of the dialog around it
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

void TensorBrowser::setTensors(const nlohmann::json& tensors)
{
    m_model->setTensors(tensors);
    showTotals();
}

std::vector<int> TensorBrowser::chosen() const
{
    std::vector<int> rows;
    for (const QItemSelectionRange& range : m_table->selectionModel()->selection())
        for (int row = range.top(); row <= range.bottom(); ++row)
            rows.push_back(row);
    if (rows.empty()) {
        rows.resize(std::size_t(m_filter->rowCount()));
        std::iota(rows.begin(), rows.end(), 0);
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

void TensorBrowser::showTotals()
{
    std::int64_t bytes = 0, values = 0;
    const std::vector<int> rows = chosen();
    for (const int row : rows) {
        bytes += m_filter->row(row).bytes;
        values += m_filter->row(row).count();
    }
    const bool selected = m_table->selectionModel()->hasSelection();
    m_totals->setText((selected ? tr("%1 of %2 selected: %3 values, %4") : tr("%1 of %2 tensors: %3 values, %4"))
                          .arg(rows.size())
                          .arg(m_model->rowCount())
                          .arg(parameterCount(values), text::bytes(bytes)));
    m_totals->setToolTip(tr("%1 values, %2 bytes").arg(values).arg(bytes));
}

QString TensorBrowser::asTsv() const
{
    QString tsv = QStringLiteral("tensor\tshape\ttype\tbytes\n");
    for (const int row : chosen()) {
        const TensorRow& tensor = m_filter->row(row);
        QStringList extents;
        for (const std::int64_t extent : tensor.shape)
            extents << QString::number(extent);
        tsv += QStringLiteral("%1\t%2\t%3\t%4\n")
                   .arg(tensor.name, extents.join(QLatin1Char('x')), tensor.type)
                   .arg(tensor.bytes);
    }
    return tsv;
}

void TensorBrowser::copy() const
{
    QApplication::clipboard()->setText(asTsv());
}

} // namespace ls
