#include "ui/panels/steering_pairs.h"

#include "core/data/csv.h"
#include "core/data/embedded_data.h"
#include "ui/shell/text.h"

#include <QApplication>
#include <QClipboard>
#include <QCoreApplication>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QShortcut>
#include <QTableWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

namespace {

Result<Pairs> fromTable(const CsvTable& table)
{
    LS_TRY(const std::size_t positive, table.column("positive"));
    LS_TRY(const std::size_t negative, table.column("negative"));
    Pairs out;
    for (const auto& row : table.rows)
        out.emplace_back(text::of(row[positive]).trimmed(), text::of(row[negative]).trimmed());
    return out;
}

} // namespace

Pairs examplePairs()
{
    const auto table = parseCsv(embeddedData("steering_pairs.csv"));
    const auto pairs = table ? fromTable(table.value()) : Result<Pairs>(table.error());
    return pairs ? pairs.value() : Pairs{}; // a test reads it
}

Result<Pairs> pairsFromCsv(const QString& path)
{
    LS_TRY(const CsvTable table, readCsv(path.toStdString()));
    return fromTable(table);
}

Result<Pairs> pairsFromText(const QString& text)
{
    CsvOptions options;
    options.header = false;
    options.separator = text.contains(QLatin1Char('\t')) ? '\t' : ',';
    LS_TRY(const CsvTable table, parseCsv(text.toStdString(), options));
    Pairs out;
    for (const auto& row : table.rows) {
        if (row.size() < 2)
            return Error{
                Errc::DataColumns,
                QCoreApplication::translate("steering", "The clipboard has one column only.").toStdString(),
                QCoreApplication::translate("steering", "Copy two columns: positive and negative texts.").toStdString(),
                {}};
        const std::pair pair{text::of(row[0]).trimmed(), text::of(row[1]).trimmed()};
        if (pair.first.toLower() != QLatin1String("positive") || pair.second.toLower() != QLatin1String("negative"))
            out.push_back(pair);
    }
    return out;
}

nlohmann::json pairsToJson(const Pairs& pairs)
{
    nlohmann::json out = nlohmann::json::array();
    for (const auto& [positive, negative] : pairs)
        out.push_back({positive.toStdString(), negative.toStdString()});
    return out;
}

Pairs pairsFromJson(const nlohmann::json& json)
{
    Pairs out;
    if (json.is_array())
        for (const auto& pair : json)
            if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
                out.emplace_back(text::of(pair[0].get<std::string>()), text::of(pair[1].get<std::string>()));
    return out;
}

PairsEditor::PairsEditor(QWidget* parent)
    : QWidget(parent)
    , m_table(new QTableWidget(0, 2))
    , m_count(new QLabel)
{
    m_table->setObjectName(QStringLiteral("steer.pairs"));
    m_table->setAccessibleName(tr("Contrast pairs"));
    m_table->setHorizontalHeaderLabels({tr("Positive"), tr("Negative")});
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->verticalHeader()->setDefaultSectionSize(23);
    m_table->verticalHeader()->setMinimumWidth(26);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setTabKeyNavigation(false);
    m_count->setObjectName(QStringLiteral("steer.pairCount"));
    m_count->setProperty("role", "second");
    const auto button = [this](const char* name, const QString& title, const QString& tip) {
        auto* made = new QPushButton(title);
        made->setObjectName(QLatin1String(name));
        made->setAccessibleName(tip);
        made->setToolTip(tip);
        return made;
    };
    auto* add = button("steer.addPair", tr("Add"), tr("Add a pair"));
    auto* remove = button("steer.removePair", tr("Remove"), tr("Remove the selected pairs (Del)"));
    auto* paste = button("steer.paste", tr("Paste"), tr("Paste two columns from the clipboard"));
    auto* load = button("steer.load", tr("Load CSV…"), tr("Load a CSV with the columns positive and negative"));
    auto* example =
        button("steer.example", tr("Example"), tr("Replace the pairs by the 16 that ship: glad against displeased"));
    auto* row = new QHBoxLayout;
    row->setSpacing(4);
    for (QPushButton* each : {add, remove, paste, load, example})
        row->addWidget(each);
    row->addStretch(1);
    row->addWidget(m_count);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    column->addWidget(m_table, 1);
    column->addLayout(row);

    connect(add, &QPushButton::clicked, this, [this] {
        append({{QString(), QString()}});
        m_table->setCurrentCell(m_table->rowCount() - 1, 0);
        m_table->editItem(m_table->item(m_table->rowCount() - 1, 0));
    });
    const auto removeSelected = [this] {
        std::vector<int> rows;
        for (const QModelIndex& index : m_table->selectionModel()->selectedRows())
            rows.push_back(index.row());
        std::sort(rows.rbegin(), rows.rend());
        for (const int each : rows)
            m_table->removeRow(each);
        refreshCount();
        Q_EMIT edited();
    };
    connect(remove, &QPushButton::clicked, this, removeSelected);
    auto* del = new QShortcut(QKeySequence(Qt::Key_Delete), m_table, nullptr, nullptr, Qt::WidgetShortcut);
    connect(del, &QShortcut::activated, this, removeSelected);
    connect(paste, &QPushButton::clicked, this,
            [this] { take(pairsFromText(QApplication::clipboard()->text()), true); });
    connect(load, &QPushButton::clicked, this, &PairsEditor::chooseFile);
    connect(example, &QPushButton::clicked, this, [this] { take(examplePairs(), false); });
    connect(m_table, &QTableWidget::itemChanged, this, [this] {
        if (m_filling)
            return;
        refreshCount();
        Q_EMIT edited();
    });
    refreshCount();
}

Pairs PairsEditor::pairs() const
{
    Pairs out;
    for (int row = 0; row < m_table->rowCount(); ++row) {
        const std::pair pair{m_table->item(row, 0)->text().trimmed(), m_table->item(row, 1)->text().trimmed()};
        if (!pair.first.isEmpty() && !pair.second.isEmpty())
            out.push_back(pair);
    }
    return out;
}

void PairsEditor::setPairs(const Pairs& pairs)
{
    m_filling = true;
    m_table->setRowCount(0);
    m_filling = false;
    append(pairs);
}

void PairsEditor::append(const Pairs& pairs)
{
    m_filling = true;
    for (const auto& [positive, negative] : pairs) {
        const int row = m_table->rowCount();
        m_table->insertRow(row);
        for (int side = 0; side < 2; ++side) {
            auto* item = new QTableWidgetItem(side == 0 ? positive : negative);
            item->setToolTip(item->text());
            m_table->setItem(row, side, item);
        }
    }
    m_filling = false;
    refreshCount();
}

void PairsEditor::take(const Result<Pairs>& pairs, bool appending)
{
    if (!pairs) {
        Q_EMIT problem(pairs.error());
        return;
    }
    if (appending)
        append(pairs.value());
    else
        setPairs(pairs.value());
    Q_EMIT edited();
}

void PairsEditor::chooseFile()
{
    auto* dialog = new QFileDialog(this, tr("Load pairs"), {}, tr("CSV (*.csv)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) { take(pairsFromCsv(path), false); });
    dialog->open();
}

Status PairsEditor::check() const
{
    for (int row = 0; row < m_table->rowCount(); ++row)
        if (m_table->item(row, 0)->text().trimmed().isEmpty() != m_table->item(row, 1)->text().trimmed().isEmpty())
            return Error{Errc::InvalidParameter,
                         tr("Pair %1 has one side only.").arg(row + 1).toStdString(),
                         tr("Write its other text, or remove it.").toStdString(),
                         {}};
    const int count = int(pairs().size());
    if (count < kFewest)
        return Error{
            Errc::TooFewPairs,
            tr("%1 pairs; at least %2 are needed, 100 or more are better.").arg(count).arg(kFewest).toStdString(),
            tr("Add pairs, load a CSV, or take the example.").toStdString(),
            {}};
    return success();
}

void PairsEditor::refreshCount()
{
    m_count->setText(tr("%1 pairs").arg(pairs().size()));
}

} // namespace ls
