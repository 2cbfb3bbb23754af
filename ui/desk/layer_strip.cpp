#include "ui/desk/layer_strip.h"

#include "ui/shell/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>

namespace ls {

namespace {
constexpr int kCellHeight = 18;
}

LayerStrip::LayerStrip(QWidget* parent)
    : QWidget(parent)
{
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void LayerStrip::setBlocks(int count, std::vector<int> locked)
{
    m_count = count;
    m_locked = std::move(locked);
    m_current = std::clamp(m_current, 0, std::max(0, count - 1));
    update();
}

void LayerStrip::setChosen(std::vector<int> chosen)
{
    m_chosen = std::move(chosen);
    update();
}

bool LayerStrip::has(int block) const
{
    return std::find(m_chosen.begin(), m_chosen.end(), block) != m_chosen.end();
}

bool LayerStrip::locked(int block) const
{
    return std::find(m_locked.begin(), m_locked.end(), block) != m_locked.end();
}

QRect LayerStrip::cell(int block) const
{
    const int left = block * width() / std::max(1, m_count);
    const int right = (block + 1) * width() / std::max(1, m_count);
    return {left, 1, right - left - 1, kCellHeight};
}

int LayerStrip::at(const QPoint& point) const
{
    return m_count > 0 ? std::clamp(point.x() * m_count / std::max(1, width()), 0, m_count - 1) : -1;
}

void LayerStrip::put(int block, bool on)
{
    if (block < 0 || block >= m_count || locked(block) || has(block) == on)
        return;
    if (on)
        m_chosen.insert(std::upper_bound(m_chosen.begin(), m_chosen.end(), block), block);
    else
        m_chosen.erase(std::find(m_chosen.begin(), m_chosen.end(), block));
    update();
}

void LayerStrip::paintEvent(QPaintEvent*)
{
    using theme::Role;
    QPainter painter(this);
    for (int block = 0; block < m_count; ++block) {
        const QRect box = cell(block);
        painter.setPen(theme::color(Role::StrongBorder));
        painter.setBrush(has(block) ? theme::color(Role::LaneB) : theme::color(Role::Grid));
        painter.drawRect(box.adjusted(0, 0, -1, -1));
        if (locked(block))
            painter.fillRect(box.adjusted(1, 1, -1, -1), QBrush(theme::color(Role::TextThird), Qt::BDiagPattern));
        if (hasFocus() && block == m_current) {
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(theme::color(Role::Accent), 2));
            painter.drawRect(box.adjusted(0, 0, -1, -1));
        }
    }
    painter.setPen(theme::color(Role::TextThird));
    QFont small = font();
    small.setPixelSize(10);
    painter.setFont(small);
    const int step = m_count > 40 ? 10 : 5;
    for (int block = 0; block < m_count; block += step) {
        const QRect box = cell(block);
        const bool edge = block == 0;
        painter.drawText(QRect(edge ? 0 : box.center().x() - 15, kCellHeight + 3, 30, 12),
                         edge ? Qt::AlignLeft : Qt::AlignHCenter, QString::number(block));
    }
}

void LayerStrip::mousePressEvent(QMouseEvent* event)
{
    const int block = at(event->pos());
    if (event->button() != Qt::LeftButton || block < 0)
        return;
    m_current = block;
    m_painting = !has(block);
    put(block, m_painting);
    Q_EMIT edited(true);
}

void LayerStrip::mouseMoveEvent(QMouseEvent* event)
{
    if (!(event->buttons() & Qt::LeftButton))
        return;
    const auto before = m_chosen;
    put(at(event->pos()), m_painting);
    if (m_chosen != before)
        Q_EMIT edited(true);
}

void LayerStrip::mouseReleaseEvent(QMouseEvent*)
{
    Q_EMIT edited(false);
}

void LayerStrip::keyPressEvent(QKeyEvent* event)
{
    const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    if (step != 0) {
        m_current = std::clamp(m_current + step, 0, std::max(0, m_count - 1));
        update();
    } else if (event->key() == Qt::Key_Space) {
        put(m_current, !has(m_current));
        Q_EMIT edited(false);
    } else {
        QWidget::keyPressEvent(event);
    }
}

bool LayerStrip::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        auto* help = static_cast<QHelpEvent*>(event);
        const int block = at(help->pos());
        if (block >= 0)
            QToolTip::showText(help->globalPos(),
                               locked(block) ? tr("Block %1 is locked: the first and last block always run.").arg(block)
                                             : tr("Block %1").arg(block),
                               this);
        return true;
    }
    return QWidget::event(event);
}

} // namespace ls
