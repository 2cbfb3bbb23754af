#pragma once

#include <QObject>
#include <QPointer>
#include <QTimer>
#include <QWidget>

#include <functional>
#include <vector>

namespace ls {

/// One clock for all live views: 50 ms (100 ms when the engine computes on a CPU with at most 4 cores). A view marks
/// itself dirty; on the tick each dirty and visible view draws once. Hidden views draw when they are shown.
class RepaintClock : public QObject {
    Q_OBJECT
public:
    static RepaintClock& instance();
    void setInterval(int milliseconds);
    /// draw is called at the next tick if `view` is visible; a second call before that is free.
    void markDirty(QWidget* view, std::function<void()> draw);
    /// Draws everything pending at once (tests, exports, pictures).
    void flush();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    RepaintClock();
    void tick(bool includeHidden);
    struct Entry {
        QPointer<QWidget> view;
        std::function<void()> draw;
    };
    std::vector<Entry> m_dirty;
    QTimer m_timer;
};

} // namespace ls
