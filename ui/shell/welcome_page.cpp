#include "ui/shell/welcome_page.h"

#include "ui/shell/recent_list.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace ls {

WelcomePage::WelcomePage(QWidget* parent)
    : QWidget(parent)
    , m_recent(new RecentList(QStringLiteral("welcome"), true))
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
    model->setAccessibleName(tr("Open a model"));
    model->setObjectName(QStringLiteral("welcome.openModel"));
    model->setProperty("primary", true);
    auto* session = new QPushButton(tr("Open session…"));
    session->setAccessibleName(tr("Open a session"));
    session->setObjectName(QStringLiteral("welcome.openSession"));
    buttons->addWidget(model);
    buttons->addWidget(session);
    buttons->addStretch(1);
    column->addLayout(buttons);
    auto* recent = new QLabel(tr("Recent"));
    recent->setProperty("role", "title");
    column->addWidget(recent);
    m_recent->setMaximumHeight(320);
    column->addWidget(m_recent);
    column->addStretch(2);
    connect(model, &QPushButton::clicked, this, &WelcomePage::openModel);
    connect(session, &QPushButton::clicked, this, &WelcomePage::openSession);
    connect(m_recent, &RecentList::chosen, this, &WelcomePage::openPath);
}

void WelcomePage::refresh()
{
    m_recent->refresh();
}

} // namespace ls
