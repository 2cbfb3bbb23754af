#include "ui/shell/theme.h"

#include <QApplication>
#include <QWidget>

#include <algorithm>
#include <array>
#include <cmath>

namespace ls::theme {

namespace {

struct Pair {
    QRgb light, dark;
};

// In the order of Role; workbench-ui section 8.
constexpr std::array<Pair, 16> kColors{{{0xFFF1F3F6, 0xFF16191D},
                                        {0xFFFFFFFF, 0xFF1F2328},
                                        {0xFFD7DCE3, 0xFF353C46},
                                        {0xFFBFC7D1, 0xFF4A5360},
                                        {0xFF1B2330, 0xFFE7EAEF},
                                        {0xFF4F5A69, 0xFFB0B9C6},
                                        {0xFF626C7A, 0xFF8C96A5},
                                        {0xFF2459A6, 0xFF7DB0F5},
                                        {0xFF5A6778, 0xFFA9B5C5},
                                        {0xFFB04F0C, 0xFFF29A55},
                                        {0xFF0F7F74, 0xFF45C4B4},
                                        {0xFF7B4FB0, 0xFFBC9CEB},
                                        {0xFF1C7448, 0xFF62CE95},
                                        {0xFF8A5700, 0xFFE8BA50},
                                        {0xFFB3261E, 0xFFF48D84},
                                        {0xFFE9ECF1, 0xFF2C323A}}};

Mode g_mode = Mode::System;
bool g_systemDark = false;

double channel(double value)
{
    return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& color)
{
    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF());
}

QColor mix(const QColor& a, const QColor& b, double t)
{
    return QColor::fromRgbF(float(a.redF() + (b.redF() - a.redF()) * t),
                            float(a.greenF() + (b.greenF() - a.greenF()) * t),
                            float(a.blueF() + (b.blueF() - a.blueF()) * t));
}

} // namespace

void setMode(Mode mode)
{
    static const bool systemDark = QApplication::palette().color(QPalette::Window).lightness() < 128;
    g_systemDark = systemDark; // of the palette as the platform gave it, before ours is set
    g_mode = mode;
    QApplication::setPalette(palette());
    qApp->setStyleSheet(styleSheet());
    for (QWidget* widget : QApplication::topLevelWidgets())
        widget->update();
}

Mode mode()
{
    return g_mode;
}

bool isDark()
{
    return g_mode == Mode::Dark || (g_mode == Mode::System && g_systemDark);
}

QColor color(Role role)
{
    const Pair& pair = kColors[std::size_t(role)];
    return QColor::fromRgb(isDark() ? pair.dark : pair.light);
}

QColor laneColor(const QString& lane)
{
    if (lane == QLatin1String("B"))
        return color(Role::LaneB);
    if (lane == QLatin1String("C"))
        return color(Role::LaneC);
    if (lane == QLatin1String("D"))
        return color(Role::LaneD);
    return color(Role::LaneA);
}

QColor viridis(double t)
{
    // Nine points of the map, linear in between: the error is below what an 8-bit screen shows in a heat map.
    static constexpr std::array<QRgb, 9> points{0xFF440154, 0xFF472D7B, 0xFF3B528B, 0xFF2C728E, 0xFF21918C,
                                                0xFF28AE80, 0xFF5EC962, 0xFFADDC30, 0xFFFDE725};
    const double x = std::clamp(std::isfinite(t) ? t : 0.0, 0.0, 1.0) * 8;
    const int i = std::min(7, int(x));
    return mix(QColor::fromRgb(points[std::size_t(i)]), QColor::fromRgb(points[std::size_t(i) + 1]), x - i);
}

QColor signedColor(double t)
{
    const double x = std::clamp(std::isfinite(t) ? t : 0.0, -1.0, 1.0);
    const QColor neutral = isDark() ? color(Role::Panel) : QColor(0xF2, 0xF2, 0xF2);
    return mix(neutral, x < 0 ? QColor(0x2F, 0x6F, 0xC4) : QColor(0xC9, 0x3B, 0x2E), std::abs(x));
}

QColor textOn(const QColor& background)
{
    // Whichever of the two contrasts more: on any colour that is at least 4.58 : 1.
    const double l = luminance(background);
    return (1.05 / (l + 0.05)) > ((l + 0.05) / 0.05) ? Qt::white : Qt::black;
}

QPalette palette()
{
    QPalette p;
    p.setColor(QPalette::Window, color(Role::Window));
    p.setColor(QPalette::WindowText, color(Role::Text));
    p.setColor(QPalette::Base, color(Role::Panel));
    p.setColor(QPalette::AlternateBase, color(Role::Window));
    p.setColor(QPalette::Text, color(Role::Text));
    p.setColor(QPalette::PlaceholderText, color(Role::TextThird));
    p.setColor(QPalette::Button, color(Role::Panel));
    p.setColor(QPalette::ButtonText, color(Role::Text));
    p.setColor(QPalette::BrightText, color(Role::Error));
    p.setColor(QPalette::Highlight, color(Role::Accent));
    p.setColor(QPalette::HighlightedText, textOn(color(Role::Accent)));
    p.setColor(QPalette::Link, color(Role::Accent));
    p.setColor(QPalette::LinkVisited, color(Role::Accent));
    p.setColor(QPalette::ToolTipBase, color(Role::Panel));
    p.setColor(QPalette::ToolTipText, color(Role::Text));
    p.setColor(QPalette::Mid, color(Role::Border));
    p.setColor(QPalette::Midlight, color(Role::Grid));
    p.setColor(QPalette::Dark, color(Role::StrongBorder));
    p.setColor(QPalette::Light, color(Role::Panel));
    p.setColor(QPalette::Shadow, color(Role::StrongBorder));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, color(Role::TextThird));
    p.setColor(QPalette::Disabled, QPalette::Highlight, color(Role::Grid));
    return p;
}

QString styleSheet()
{
    QString sheet = QStringLiteral(R"(
QWidget { font-size: 12px; }
QToolTip { border: 1px solid @border; background: @panel; color: @text; padding: 4px; }
QMainWindow::separator { background: @window; width: 6px; height: 6px; }
QSplitter::handle { background: @window; }
QFrame#panelFrame, QFrame[panel="true"] { background: @panel; border: 1px solid @border; border-radius: 4px; }
QFrame[card="true"] { background: @panel; border: 1px solid @border; border-radius: 4px; }
QFrame[card="true"][state="unavailable"], QFrame[card="true"][state="conflict"] { border-color: @error; }
QFrame[panel="true"][docked="true"] { border-top: none; border-top-left-radius: 0; border-top-right-radius: 0; }
QWidget[head="true"] { border: none; border-bottom: 1px solid @border; background: transparent; }
QWidget[dockHead="true"] { background: @panel; border: 1px solid @border;
    border-top-left-radius: 4px; border-top-right-radius: 4px; }
QLabel[role="title"] { font-weight: 600; color: @text; }
QLabel[role="second"] { color: @second; }
QLabel[role="third"] { color: @third; }
QLabel[role="error"] { color: @error; }
QLabel[role="good"] { color: @good; }
QLabel[role="h1"] { font-size: 22px; font-weight: 600; color: @text; }
QLabel[chip="true"] { background: @grid; color: @second; border-radius: 4px; padding: 2px 8px; }
QLabel[chip="true"][tone="good"] { color: @good; }
QLabel[chip="true"][tone="warning"] { color: @warning; border: 1px solid @warning; }
QLabel[chip="true"][tone="error"] { color: @error; border: 1px solid @error; }
QLabel[chip="true"][tone="laneB"] { color: @laneB; }
QPushButton, QToolButton[framed="true"] {
    background: @panel; color: @text; border: 1px solid @strong; border-radius: 4px; padding: 3px 8px; min-height: 18px; }
QPushButton:hover, QToolButton[framed="true"]:hover { border-color: @accent; }
QPushButton:focus { border: 2px solid @accent; padding: 2px 7px; }
QPushButton:disabled { color: @third; border-color: @border; background: @window; }
QPushButton[primary="true"] { background: @accent; color: @onAccent; border-color: @accent; font-weight: 600; }
QPushButton[primary="true"]:disabled { background: @grid; color: @third; border-color: @border; }
QPushButton:checked { background: @grid; border-color: @accent; }
QPushButton[segment="true"] { padding: 3px 8px; border-radius: 0; margin-left: -1px; }
QPushButton[segment="true"]:checked { background: @selection; border-color: @accent; color: @text; }
QPushButton[layout="true"] { border: none; padding: 4px 12px; color: @second; background: transparent; }
QPushButton[layout="true"]:checked { background: @selection; color: @accent; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 3px 6px; color: @second; }
QWidget[head="true"] QToolButton { padding: 2px 3px; }
QToolButton[tone="good"] { color: @good; }
QToolButton[tone="warning"] { color: @warning; }
QToolButton[tone="error"] { color: @error; font-weight: 600; }
QPushButton:flat { border: none; background: transparent; color: @accent; text-align: left; padding: 4px 8px; }
QToolButton:hover { background: @grid; }
QToolButton:focus { border: 1px solid @accent; }
QToolButton:checked { background: @grid; color: @accent; font-weight: 600; }
QToolButton:disabled { color: @third; }
QDockWidget { color: @text; font-weight: 600; }
QDockWidget::title { background: @window; padding: 4px 6px; text-align: left; }
QTabBar::tab { background: transparent; color: @second; padding: 4px 10px; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabWidget::pane { border: none; border-top: 1px solid @border; }
QTreeView, QTableView, QListView, QTextBrowser, QPlainTextEdit, QTextEdit {
    background: @panel; color: @text; border: none; alternate-background-color: @window;
    selection-background-color: @selection; selection-color: @text; }
QTableView { gridline-color: @grid; }
QHeaderView { background: @panel; border: none; }
QTreeView::item { min-height: 19px; }
QCheckBox::indicator:unchecked, QListView::indicator:unchecked {
    width: 11px; height: 11px; border: 1px solid @strong; border-radius: 2px; background: @panel; }
QHeaderView::section { background: @panel; color: @second; border: none; border-bottom: 1px solid @border; padding: 3px 6px; }
QScrollArea { background: transparent; border: none; }
QMenuBar { background: @panel; color: @text; border-bottom: 1px solid @border; }
QMenuBar::item:selected, QMenu::item:selected { background: @accent; color: @onAccent; }
QMenu { background: @panel; color: @text; border: 1px solid @strong; }
QMenu::item:disabled { color: @third; }
QToolBar { background: @panel; border: none; border-bottom: 1px solid @border; spacing: 6px; padding: 4px 8px; }
QStatusBar { background: @panel; color: @second; border-top: 1px solid @border; min-height: 26px; }
QStatusBar QLabel { padding: 0 6px; }
QStatusBar QLabel[chip="true"] { padding: 2px 8px; }
QStatusBar::item { border: none; }
QProgressBar { background: @grid; border: none; border-radius: 3px; text-align: center; color: @text; max-height: 14px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QSlider::groove:horizontal { height: 4px; background: @grid; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -5px 0; border-radius: 7px; background: @panel; border: 2px solid @accent; }
QFrame#bannerFrame { background: @panel; border: 1px solid @error; border-left: 5px solid @error; border-radius: 4px; }
)");
    const QColor selection = mix(color(Role::Panel), color(Role::Accent), isDark() ? 0.30 : 0.16);
    const std::pair<const char*, QColor> names[] = {
        {"@window", color(Role::Window)},   {"@panel", color(Role::Panel)},
        {"@border", color(Role::Border)},   {"@strong", color(Role::StrongBorder)},
        {"@text", color(Role::Text)},       {"@second", color(Role::TextSecond)},
        {"@third", color(Role::TextThird)}, {"@accent", color(Role::Accent)},
        {"@laneB", color(Role::LaneB)},     {"@good", color(Role::Good)},
        {"@warning", color(Role::Warning)}, {"@error", color(Role::Error)},
        {"@grid", color(Role::Grid)},       {"@onAccent", textOn(color(Role::Accent))},
        {"@selection", selection}};
    for (const auto& [name, value] : names)
        sheet.replace(QLatin1String(name), value.name());
    return sheet;
}

} // namespace ls::theme
