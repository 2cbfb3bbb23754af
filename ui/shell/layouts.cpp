#include "ui/shell/layouts.h"

#include "ui/panels/panel.h"

#include <QDockWidget>

#include <vector>

namespace ls {

namespace {

/// Columns of one area; docks of one column are tabs.
using Group = std::vector<const char*>;
struct Layout {
    Group left;
    std::vector<Group> right;  ///< top to bottom
    std::vector<Group> bottom; ///< left to right
    int bottomShare;           ///< of the height, in percent
};

const Layout& layoutOf(const QString& name)
{
    static const std::map<QString, Layout> layouts{
        {QStringLiteral("inspect"), {{"model"}, {{"methods"}, {"logitLens"}}, {{"punctuation"}, {"safety"}}, 46}},
        {QStringLiteral("accelerate"), {{"model"}, {{"methods"}}, {{"dashboard"}}, 44}},
        {QStringLiteral("steer"), {{"model"}, {{"methods"}}, {{"steering"}, {"safety"}, {"dashboard"}}, 46}},
        {QStringLiteral("report"), {{}, {}, {{"report"}}, 100}}};
    const auto found = layouts.find(name);
    return found == layouts.end() ? layouts.begin()->second : found->second;
}

} // namespace

QDockWidget* makeDock(Panel* panel)
{
    auto* dock = new QDockWidget(panel->title().replace(QLatin1Char('&'), QStringLiteral("&&"))); // tabs read mnemonics
    dock->setObjectName(QStringLiteral("dock.") + panel->id());
    dock->setWidget(panel);
    panel->head()->setProperty("dockHead", true);
    dock->setTitleBarWidget(panel->head()); // one title instead of two; dragging it still moves the dock
    return dock;
}

bool layoutShowsLanes(const QString& layout)
{
    return layoutOf(layout).bottomShare < 100;
}

void applyLayout(QMainWindow* window, const std::map<QString, QDockWidget*>& docks, const QString& name)
{
    const Layout& layout = layoutOf(name);
    const bool narrow = window->width() < 1400, low = window->height() < 860;
    for (const auto& [id, dock] : docks) {
        dock->setFloating(false);
        window->removeDockWidget(dock);
    }
    window->setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    window->setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    const auto dockOf = [&docks](const char* id) {
        const auto found = docks.find(QString::fromLatin1(id));
        return found == docks.end() ? nullptr : found->second;
    };
    /// Places groups beside each other along `direction`, or all as tabs of one.
    const auto place = [&](Qt::DockWidgetArea area, const std::vector<Group>& groups, Qt::Orientation direction,
                           bool tabs) {
        QDockWidget* last = nullptr;
        QDockWidget* front = nullptr;
        for (const Group& group : groups) {
            bool first = !tabs || !last;
            for (const char* id : group) {
                QDockWidget* dock = dockOf(id);
                if (!dock)
                    continue;
                if (!last)
                    window->addDockWidget(area, dock);
                else if (first)
                    window->splitDockWidget(last, dock, direction);
                else
                    window->tabifyDockWidget(last, dock);
                dock->show();
                if (!front)
                    front = dock;
                first = false;
                last = dock;
            }
        }
        if (front)
            front->raise();
        return front;
    };
    QDockWidget* left = place(Qt::LeftDockWidgetArea, {layout.left}, Qt::Vertical, false);
    QDockWidget* right = place(Qt::RightDockWidgetArea, layout.right, Qt::Vertical, narrow || low);
    QDockWidget* bottom = place(Qt::BottomDockWidgetArea, layout.bottom, Qt::Horizontal, window->width() < 1900);
    QList<QDockWidget*> columns;
    QList<int> widths;
    if (left) {
        columns << left;
        widths << (narrow ? 262 : 290);
    }
    if (right) {
        columns << right;
        widths << (narrow ? 372 : 400);
    }
    window->resizeDocks(columns, widths, Qt::Horizontal);
    if (bottom)
        window->resizeDocks({bottom}, {(window->height() - 130) * layout.bottomShare / 100}, Qt::Vertical);
    if (!low && !narrow && layout.right.size() == 2)
        if (QDockWidget* second = dockOf(layout.right[1][0]); right && second)
            window->resizeDocks({right, second}, {window->height() * 45 / 100, window->height() * 55 / 100},
                                Qt::Vertical);
    if (window->width() >= 1900 && layout.bottom.size() == 2)
        if (QDockWidget* second = dockOf(layout.bottom[1][0]); bottom && second) {
            const int room = window->width() - 700;
            window->resizeDocks({bottom, second}, {room * 58 / 100, room * 42 / 100}, Qt::Horizontal);
        }
}

} // namespace ls
