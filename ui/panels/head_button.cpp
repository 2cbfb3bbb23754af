#include "ui/panels/head_button.h"

#include "ui/shell/theme.h"

#include <QPainter>

namespace ls {

HeadButton::HeadButton(Sign sign, QWidget* parent)
    : QToolButton(parent)
    , m_sign(sign)
{
    setFocusPolicy(Qt::StrongFocus);
}

void HeadButton::paintEvent(QPaintEvent* event)
{
    QToolButton::paintEvent(event); // background, focus and hover as the style sheet has them
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(theme::color(isEnabled() ? theme::Role::TextSecond : theme::Role::TextThird), 1.3));
    painter.translate(QRectF(rect()).center());
    if (m_sign == Sign::Copy) { // two sheets
        painter.drawRoundedRect(QRectF(-2, -2, 8, 8), 1.5, 1.5);
        painter.drawPolyline(
            QPolygonF({QPointF(-4, 3), QPointF(-6, 3), QPointF(-6, -6), QPointF(3, -6), QPointF(3, -4)}));
    } else { // an arrow out of a tray
        painter.drawPolyline(QPolygonF({QPointF(-6, 2), QPointF(-6, 6), QPointF(6, 6), QPointF(6, 2)}));
        painter.drawLine(QPointF(0, 2), QPointF(0, -6));
        painter.drawPolyline(QPolygonF({QPointF(-3, -3), QPointF(0, -6), QPointF(3, -3)}));
    }
}

} // namespace ls
