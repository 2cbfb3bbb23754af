#pragma once

#include <QMainWindow>

#include <map>

class QDockWidget;

namespace ls {

class Panel;

/// Puts a panel into a dock of its own: dock.<id>, with the panel's head as its title bar.
QDockWidget* makeDock(Panel* panel);

/// Arranges the docks for one of: inspect accelerate steer compare report. Docks that the layout does not name are
/// hidden. Narrow windows get tabs instead of columns, so that nothing is cut off.
void applyLayout(QMainWindow* window, const std::map<QString, QDockWidget*>& docks, const QString& layout);
/// Whether the lanes are part of a layout.
bool layoutShowsLanes(const QString& layout);

} // namespace ls
