#include "ui/shell/command_palette.h"

#include <QApplication>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace ls {

CommandPalette::CommandPalette(std::vector<Entry> entries, QWidget* parent)
    : QDialog(parent, Qt::Popup)
    , m_entries(std::move(entries))
    , m_edit(new QLineEdit)
    , m_list(new QListWidget)
{
    setAttribute(Qt::WA_DeleteOnClose);
    setObjectName(QStringLiteral("dialog.palette"));
    setAccessibleName(tr("Command palette"));
    m_edit->setObjectName(QStringLiteral("palette.edit"));
    m_edit->setAccessibleName(tr("Command"));
    m_edit->setPlaceholderText(tr("Type a command, method or block"));
    m_list->setObjectName(QStringLiteral("palette.list"));
    m_list->setAccessibleName(tr("Matching commands"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(8, 8, 8, 8);
    column->addWidget(m_edit);
    column->addWidget(m_list);
    resize(520, 360);
    m_edit->installEventFilter(this);
    connect(m_edit, &QLineEdit::textChanged, this, &CommandPalette::filter);
    connect(m_edit, &QLineEdit::returnPressed, this, &CommandPalette::take);
    connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::take);
    filter({});
}

int CommandPalette::score(const QString& title, const QString& typed)
{
    int at = 0, gaps = 0;
    for (const QChar letter : typed) {
        const int found = int(title.indexOf(letter, at, Qt::CaseInsensitive));
        if (found < 0)
            return -1;
        gaps += found - at;
        at = found + 1;
    }
    return gaps;
}

void CommandPalette::filter(const QString& typed)
{
    std::vector<std::pair<int, int>> hits; // score, entry
    for (int i = 0; i < int(m_entries.size()); ++i)
        if (const int value = score(m_entries[std::size_t(i)].title, typed.trimmed()); value >= 0)
            hits.emplace_back(value, i);
    std::stable_sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    m_list->clear();
    for (const auto& [value, i] : hits) {
        const Entry& entry = m_entries[std::size_t(i)];
        QString line = entry.title;
        if (!entry.shortcut.isEmpty())
            line += QStringLiteral("    ") + entry.shortcut;
        if (!entry.reason.isEmpty())
            line += QStringLiteral("    — ") + entry.reason;
        auto* item = new QListWidgetItem(line, m_list);
        item->setData(Qt::UserRole, i);
        if (!entry.reason.isEmpty())
            item->setForeground(palette().color(QPalette::Disabled, QPalette::Text));
    }
    m_list->setCurrentRow(0);
}

void CommandPalette::take()
{
    const QListWidgetItem* item = m_list->currentItem();
    if (!item)
        return;
    const Entry& entry = m_entries[item->data(Qt::UserRole).toUInt()];
    if (!entry.reason.isEmpty())
        return;
    const auto run = entry.run;
    close(); // deletes later; the copy outlives it
    run();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_edit && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Up || key == Qt::Key_Down || key == Qt::Key_PageUp || key == Qt::Key_PageDown) {
            QApplication::sendEvent(m_list, event);
            return true;
        }
    }
    return QDialog::eventFilter(watched, event);
}

} // namespace ls
