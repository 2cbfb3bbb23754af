#include "ui/shell/banner.h"

#include "ui/shell/text.h"

#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

namespace ls {

Banner::Banner(QWidget* parent)
    : QFrame(parent)
    , m_text(new QLabel)
    , m_restart(new QPushButton(tr("Restart")))
{
    setObjectName(QStringLiteral("bannerFrame"));
    setAccessibleName(tr("Problem"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(10, 4, 6, 4);
    m_text->setObjectName(QStringLiteral("banner.text"));
    m_text->setWordWrap(true);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_restart->setObjectName(QStringLiteral("banner.restart"));
    m_restart->setProperty("primary", true);
    auto* copy = new QPushButton(tr("Copy details"));
    copy->setObjectName(QStringLiteral("banner.copy"));
    auto* close = new QPushButton(tr("Dismiss"));
    close->setObjectName(QStringLiteral("banner.dismiss"));
    row->addWidget(m_text, 1);
    row->addWidget(m_restart);
    row->addWidget(copy);
    row->addWidget(close);
    connect(m_restart, &QPushButton::clicked, this, &Banner::restartRequested);
    connect(copy, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(
            QStringLiteral("%1\n%2\n%3")
                .arg(text::of(errcName(m_error.code)), text::sentence(m_error), text::of(m_error.detail)));
    });
    connect(close, &QPushButton::clicked, this, [this] { Q_EMIT visibilityChanged(false); });
}

void Banner::showProblem(const Error& error, bool canRestart)
{
    m_error = error;
    m_text->setText(text::sentence(error));
    m_text->setToolTip(text::of(errcName(error.code)) + QLatin1Char('\n') + text::of(error.detail));
    m_restart->setVisible(canRestart);
    Q_EMIT visibilityChanged(true);
}

void Banner::engineReady()
{
    m_restart->hide();
    if (m_error.code == Errc::EngineDied || m_error.code == Errc::EngineMissing ||
        m_error.code == Errc::ProtocolMessage || m_error.code == Errc::ProtocolVersion)
        Q_EMIT visibilityChanged(false);
}

} // namespace ls
