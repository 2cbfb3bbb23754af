#include "ui/shell/welcome_page.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

namespace ls {

WelcomePage::WelcomePage(QWidget* parent)
    : QWidget(parent)
    , m_recent(new QListWidget)
{
    setObjectName(QStringLiteral("page.welcome"));
    setAccessibleName(tr("Welcome"));
    auto* outer = new QHBoxLayout(this);
    auto* column = new QVBoxLayout;
    column->setSpacing(10);
    outer->addStretch(1);
    outer->addLayout(column, 2);
    outer->addStretch(1);
    auto* title = new QLabel(tr("Layerscope"));
    title->setProperty("role", "h1");
    auto* what = new QLabel(tr("Open a model, let it write, switch methods on while it writes, and see what changes "
                               "inside and what it costs."));
    what->setWordWrap(true);
    what->setProperty("role", "second");
    column->addStretch(1);
    column->addWidget(title);
    column->addWidget(what);
    auto* buttons = new QHBoxLayout;
    auto* model = new QPushButton(tr("Open model…"));
    model->setObjectName(QStringLiteral("welcome.openModel"));
    model->setProperty("primary", true);
    auto* session = new QPushButton(tr("Open session…"));
    session->setObjectName(QStringLiteral("welcome.openSession"));
    buttons->addWidget(model);
    buttons->addWidget(session);
    buttons->addStretch(1);
    column->addLayout(buttons);
    auto* recent = new QLabel(tr("Recent"));
    recent->setProperty("role", "title");
    column->addWidget(recent);
    m_recent->setObjectName(QStringLiteral("welcome.recent"));
    m_recent->setAccessibleName(tr("Recent models and sessions"));
    m_recent->setMaximumHeight(260);
    column->addWidget(m_recent);
    column->addStretch(2);
    connect(model, &QPushButton::clicked, this, &WelcomePage::openModel);
    connect(session, &QPushButton::clicked, this, &WelcomePage::openSession);
    connect(m_recent, &QListWidget::itemActivated, this,
            [this](QListWidgetItem* item) { Q_EMIT openPath(item->data(Qt::UserRole).toString()); });
}

void WelcomePage::setRecent(const QStringList& paths)
{
    m_recent->clear();
    for (const QString& path : paths) {
        const QFileInfo file(path);
        auto* item = new QListWidgetItem(file.exists() ? tr("%1    %2").arg(file.fileName(), file.path())
                                                       : tr("%1    missing").arg(file.fileName()));
        item->setData(Qt::UserRole, path);
        item->setToolTip(path);
        if (!file.exists())
            item->setFlags(Qt::NoItemFlags);
        m_recent->addItem(item);
    }
    if (paths.isEmpty()) {
        auto* item = new QListWidgetItem(tr("Nothing yet. Files can also be dropped on the window."));
        item->setFlags(Qt::NoItemFlags);
        m_recent->addItem(item);
    }
}

} // namespace ls
