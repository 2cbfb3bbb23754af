#include "ui/shell/layouts.h"

#include "ui/panels/panel.h"

#include <QDockWidget>

#include <algorithm>
#include <vector>

namespace ls {

namespace {

/// Docks in one place: tabs, or beside each other in windows wide enough.
using Group = std::vector<const char*>;
struct Row {
    Group docks;
    int height;         ///< px; 0 = an equal share of what is left
    bool joins = false; ///< where the window is not tall, its docks are tabs of the row above
};
struct Layout {
    Group left;
    std::vector<Group> right; ///< top to bottom
    std::vector<Row> centre;  ///< top to bottom, below the lanes
    Group foot = {};          ///< below centre and right
    bool lanes = true;
};

const Layout& layoutOf(const QString& name)
{
    static const std::map<QString, Layout> layouts{
        {QStringLiteral("inspect"),
         {{"model"}, {{"methods"}, {"logitLens"}}, {{{"punctuation", "safety"}, 400}, {{"dashboard"}, 236}}}},
        {QStringLiteral("accelerate"),
         {{"model"}, {{"methods"}}, {{{"speed"}, 196}, {{"speed.stages"}, 204, true}, {{"dashboard"}, 212}}}},
        {QStringLiteral("steer"), {{"model"}, {{"methods"}}, {{{"steering", "safety"}, 400}, {{"dashboard"}, 236}}}},
        {QStringLiteral("compare"),
         {{"session"}, {{"accuracy"}}, {{{"compareText"}, 240}, {{"compareStreams"}, 0}}, {"experiments"}, false}},
        {QStringLiteral("report"), {{}, {}, {{{"report"}, 0}}, {}, false}}};
    const auto found = layouts.find(name);
    return found == layouts.end() ? layouts.begin()->second : found->second;
}

constexpr int kFootHeight = 210;
constexpr int kTall = 960; // from here on a third row leaves room for the lanes
constexpr int kTabs = 32;
constexpr int kBars = 130; // menu, run bar, status bar and the gaps between

/// Puts docks into an area: groups follow each other along `direction`; docks of a group are tabs, or stand across it.
class Placer {
public:
    Placer(QMainWindow* window, const std::map<QString, QDockWidget*>& docks)
        : m_window(window)
        , m_docks(docks)
    {
    }
    /// The first dock of each group that has one.
    QList<QDockWidget*> place(Qt::DockWidgetArea area, const std::vector<Group>& groups, Qt::Orientation direction,
                              bool oneTabbed)
    {
        const bool wide = m_window->width() >= 1900 && area != Qt::LeftDockWidgetArea;
        std::vector<QList<QDockWidget*>> found;
        for (const Group& group : groups) {
            QList<QDockWidget*> docks;
            for (const char* id : group)
                if (const auto dock = m_docks.find(QString::fromLatin1(id)); dock != m_docks.end())
                    docks << dock->second;
            if (!docks.isEmpty())
                found.push_back(docks);
        }
        // Heads first: a dock beside one that already has tabs would become another tab.
        QList<QDockWidget*> heads;
        for (const auto& docks : found) {
            if (heads.isEmpty())
                m_window->addDockWidget(area, docks.front());
            else if (oneTabbed)
                m_window->tabifyDockWidget(heads.back(), docks.front());
            else
                m_window->splitDockWidget(heads.back(), docks.front(), direction);
            heads << docks.front();
        }
        for (const auto& docks : found)
            for (int i = 1; i < docks.size(); ++i)
                if (wide && !oneTabbed)
                    m_window->splitDockWidget(docks[i - 1], docks[i],
                                              direction == Qt::Vertical ? Qt::Horizontal : Qt::Vertical);
                else
                    m_window->tabifyDockWidget(docks[i - 1], docks[i]);
        for (const auto& docks : found)
            for (QDockWidget* dock : docks)
                dock->show();
        for (auto head = heads.rbegin(); head != heads.rend(); ++head)
            (*head)->raise(); // the first one last: it is the tab in front
        return oneTabbed ? heads.mid(0, 1) : heads;
    }

private:
    QMainWindow* m_window;
    const std::map<QString, QDockWidget*>& m_docks;
};

} // namespace

QDockWidget* makeDock(Panel* panel)
{
    auto* dock = new QDockWidget(panel->title().replace(QLatin1Char('&'), QStringLiteral("&&"))); // tabs read mnemonics
    dock->setObjectName(QStringLiteral("dock.") + panel->id());
    dock->setWidget(panel);
    panel->head()->setProperty("dockHead", true);
    panel->setProperty("docked", true);
    dock->setTitleBarWidget(panel->head()); // one title instead of two; dragging it still moves the dock
    return dock;
}

bool layoutShowsLanes(const QString& layout)
{
    return layoutOf(layout).lanes;
}

void applyLayout(QMainWindow* window, const std::map<QString, QDockWidget*>& docks, const QString& name)
{
    const Layout& layout = layoutOf(name);
    const bool narrow = window->width() < 1400, low = window->height() < 860;
    for (const auto& [id, dock] : docks) {
        dock->setFloating(false);
        window->removeDockWidget(dock);
    }
    window->setCorner(Qt::TopLeftCorner, Qt::LeftDockWidgetArea);
    window->setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    window->setCorner(Qt::TopRightCorner, Qt::RightDockWidgetArea);
    window->setCorner(Qt::BottomRightCorner, layout.foot.empty() ? Qt::RightDockWidgetArea : Qt::BottomDockWidgetArea);
    Placer placer(window, docks);
    std::vector<Row> stacked;
    for (const Row& row : layout.centre)
        if (row.joins && window->height() < kTall) {
            Row& above = stacked.back();
            above.docks.insert(above.docks.end(), row.docks.begin(), row.docks.end());
            above.height = std::max(above.height, row.height) + kTabs;
        } else {
            stacked.push_back(row);
        }
    std::vector<Group> rows;
    for (const Row& row : stacked)
        rows.push_back(row.docks);
    const auto left = placer.place(Qt::LeftDockWidgetArea, {layout.left}, Qt::Vertical, false);
    const auto right = placer.place(Qt::RightDockWidgetArea, layout.right, Qt::Vertical, narrow || low);
    const auto foot = placer.place(Qt::BottomDockWidgetArea, {layout.foot}, Qt::Vertical, false);
    // Without lanes the panels are the centre: the area above the foot.
    const auto centre = placer.place(layout.lanes ? Qt::BottomDockWidgetArea : Qt::TopDockWidgetArea, rows,
                                     Qt::Vertical, layout.lanes && low);

    QList<QDockWidget*> columns;
    QList<int> widths;
    if (!left.isEmpty()) {
        columns << left.front();
        widths << (narrow ? 262 : 290);
    }
    if (!right.isEmpty()) {
        columns << right.front();
        widths << (narrow ? 372 : 400);
    }
    window->resizeDocks(columns, widths, Qt::Horizontal);

    const int room = window->height() - kBars;
    const auto scaled = [low](int height) { return low ? height * 3 / 4 : height; };
    QList<QDockWidget*> stack = centre;
    QList<int> heights;
    if (layout.lanes && low) {
        heights << room * 46 / 100;
    } else {
        int fixed = foot.isEmpty() ? 0 : scaled(kFootHeight), open = 0;
        for (const Row& row : stacked) {
            fixed += scaled(row.height);
            open += row.height == 0;
        }
        for (int i = 0; i < centre.size() && i < int(stacked.size()); ++i) {
            const int height = scaled(stacked[std::size_t(i)].height);
            heights << (height > 0 ? height : std::max(120, (room - fixed) / std::max(1, open)));
        }
    }
    if (!foot.isEmpty()) {
        stack << foot.front();
        heights << scaled(kFootHeight);
    }
    if (stack.size() == heights.size() && !stack.isEmpty())
        window->resizeDocks(stack, heights, Qt::Vertical);
    if (right.size() == 2)
        window->resizeDocks(right, {window->height() * 45 / 100, window->height() * 55 / 100}, Qt::Vertical);
}

} // namespace ls
