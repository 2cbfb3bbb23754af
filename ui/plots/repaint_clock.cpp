#include "ui/plots/repaint_clock.h"

#include <QEvent>

#include <algorithm>

namespace ls {

RepaintClock& RepaintClock::instance()
{
    static RepaintClock clock;
    return clock;
}

RepaintClock::RepaintClock()
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(50);
    connect(&m_timer, &QTimer::timeout, this, [this] { tick(false); });
}

void RepaintClock::setInterval(int milliseconds)
{
    m_timer.setInterval(milliseconds);
}

void RepaintClock::markDirty(QWidget* view, std::function<void()> draw)
{
    const auto same = [view](const Entry& entry) { return entry.view == view; };
    if (std::none_of(m_dirty.begin(), m_dirty.end(), same))
        m_dirty.push_back({view, std::move(draw)});
    if (!view->isVisible())
        view->installEventFilter(this);
    else if (!m_timer.isActive())
        m_timer.start();
}

void RepaintClock::flush()
{
    tick(true);
}

void RepaintClock::tick(bool includeHidden)
{
    std::vector<Entry> now;
    now.swap(m_dirty); // drawing may mark again
    for (Entry& entry : now) {
        if (!entry.view)
            continue;
        if (includeHidden || entry.view->isVisible()) {
            entry.draw();
        } else {
            entry.view->installEventFilter(this); // waits for its Show; an idle window does nothing
            m_dirty.push_back(std::move(entry));
        }
    }
}

bool RepaintClock::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::Show) {
        watched->removeEventFilter(this);
        if (!m_timer.isActive())
            m_timer.start();
    }
    return QObject::eventFilter(watched, event);
}

} // namespace ls
