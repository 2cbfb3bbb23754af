#pragma once

#include <QColor>
#include <QPalette>
#include <QString>

/// The two palettes of workbench-ui.md section 8, from one table. Everything that paints asks here, nothing is
/// hard-coded.
namespace ls::theme {

enum class Role {
    Window,
    Panel,
    Border,
    StrongBorder,
    Text,
    TextSecond,
    TextThird,
    Accent,
    LaneA,
    LaneB,
    LaneC,
    LaneD,
    Good,
    Warning,
    Error,
    Grid
};
enum class Mode { System, Light, Dark };

void setMode(Mode mode); ///< repaints every window
Mode mode();
bool isDark();
QColor color(Role role);
QColor laneColor(const QString& lane);
QColor viridis(double t);                ///< t in [0, 1]
QColor signedColor(double t);            ///< t in [-1, 1]: blue, neutral, red
QColor textOn(const QColor& background); ///< black or white, contrast >= 4.5
QPalette palette();
QString styleSheet();

} // namespace ls::theme
