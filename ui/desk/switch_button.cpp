#include "ui/desk/switch_button.h"

#include "ui/shell/theme.h"

#include <QPainter>

namespace ls {

SwitchButton::SwitchButton(QWidget* parent)
    : QAbstractButton(parent)
{
    setCheckable(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    setCursor(Qt::PointingHandCursor);
}

void SwitchButton::setPending(bool pending)
{
    m_pending = pending;
    update();
}

void SwitchButton::paintEvent(QPaintEvent*)
{
    using theme::Role;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF track(2.5, 3.5, width() - 5, height() - 7);
    const QColor on = theme::color(isEnabled() ? Role::Accent : Role::StrongBorder);
    painter.setPen(isChecked() ? on : theme::color(Role::StrongBorder));
    painter.setBrush(isChecked() ? on : theme::color(Role::Grid));
    painter.drawRoundedRect(track, track.height() / 2, track.height() / 2);
    const qreal size = track.height() - 3;
    const qreal x = isChecked() ? track.right() - size - 1.5 : track.left() + 1.5;
    const QRectF knob(x, track.top() + 1.5, size, size);
    painter.setBrush(theme::color(Role::Panel));
    painter.drawEllipse(knob);
    if (m_pending) {
        painter.setBrush(QBrush(theme::color(Role::Warning), Qt::BDiagPattern));
        painter.drawEllipse(knob);
    }
    if (hasFocus()) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(theme::color(Role::Accent), 2));
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 9, 9);
    }
}

} // namespace ls
