#include "ui/shell/recent_list.h"

#include "ui/shell/theme.h"

#include <QDir>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

namespace ls {

namespace {
constexpr int kMissingRole = Qt::UserRole + 1;
}

RecentList::RecentList(const QString& prefix, bool sessionsToo, QWidget* parent)
    : QWidget(parent)
    , m_sessionsToo(sessionsToo)
    , m_list(new QListWidget)
    , m_forget(new QPushButton(tr("Remove")))
    , m_empty(new QLabel(tr("Nothing yet. Files and folders can also be dropped here.")))
{
    m_list->setObjectName(prefix + QStringLiteral(".recent"));
    m_list->setAccessibleName(sessionsToo ? tr("Recent models and sessions") : tr("Recent models"));
    m_list->setTextElideMode(Qt::ElideMiddle);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setUniformItemSizes(true);
    m_list->installEventFilter(this);
    m_forget->setObjectName(prefix + QStringLiteral(".forget"));
    m_forget->setAccessibleName(tr("Remove from the list of recent files"));
    m_forget->setToolTip(tr("Takes the selected entry off this list (Del); the file itself is left alone"));
    m_forget->setAutoDefault(false);
    m_empty->setProperty("role", "third");
    m_empty->setWordWrap(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(6);
    column->addWidget(m_empty);
    column->addWidget(m_list, 1);
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    row->addWidget(m_forget);
    column->addLayout(row);
    connect(m_list, &QListWidget::itemClicked, this, &RecentList::choose);
    connect(m_list, &QListWidget::currentRowChanged, this, [this](int current) { m_forget->setEnabled(current >= 0); });
    connect(m_forget, &QPushButton::clicked, this, &RecentList::forget);
    refresh();
}

void RecentList::refresh()
{
    const QString current = m_list->currentItem() ? m_list->currentItem()->data(Qt::UserRole).toString() : QString();
    m_list->clear();
    for (const recent::File& file : m_sessionsToo ? recent::list() : recent::models()) {
        const QFileInfo info(file.path);
        const bool missing = file.isMissing();
        QString folder = info.path();
        if (folder.startsWith(QDir::homePath()))
            folder.replace(0, QDir::homePath().size(), QStringLiteral("~"));
        auto* item = new QListWidgetItem(QStringLiteral("%1\n%2 · %3").arg(file.title(), file.details(), folder));
        item->setData(Qt::UserRole, file.path);
        item->setData(kMissingRole, missing);
        item->setData(Qt::AccessibleTextRole, QStringLiteral("%1, %2").arg(file.title(), file.details()));
        item->setToolTip(missing ? tr("%1\nis no longer there").arg(file.path) : file.path);
        item->setSizeHint(QSize(0, 2 * m_list->fontMetrics().height() + 10));
        if (missing)
            item->setForeground(theme::color(theme::Role::TextThird));
        m_list->addItem(item);
        if (file.path == current)
            m_list->setCurrentItem(item);
    }
    m_empty->setVisible(m_list->count() == 0);
    m_list->setVisible(m_list->count() > 0);
    m_forget->setVisible(m_list->count() > 0);
    m_forget->setEnabled(m_list->currentRow() >= 0);
}

void RecentList::choose()
{
    const QListWidgetItem* item = m_list->currentItem();
    if (item && !item->data(kMissingRole).toBool())
        Q_EMIT chosen(item->data(Qt::UserRole).toString());
}

void RecentList::forget()
{
    if (const QListWidgetItem* item = m_list->currentItem()) {
        const int row = m_list->currentRow();
        recent::forget(item->data(Qt::UserRole).toString());
        refresh();
        m_list->setCurrentRow(std::min(row, m_list->count() - 1));
    }
}

bool RecentList::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() != QEvent::KeyPress)
        return QWidget::eventFilter(watched, event);
    switch (static_cast<QKeyEvent*>(event)->key()) {
    case Qt::Key_Delete:
        forget();
        return true;
    case Qt::Key_Return: // not "activated", which a double click would add to the click
    case Qt::Key_Enter:
        choose();
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace ls
