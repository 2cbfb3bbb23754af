#pragma once

#include "ui/plots/qcustomplot_include.h"

#include <QStringList>

#include <map>
#include <vector>

namespace ls::plots {

/// Colours and fonts of the theme; called at construction and on every redraw, so that a theme change shows.
void style(QCustomPlot* plot);
/// A plot with drag and wheel zoom; Home key or double click goes back to everything.
QCustomPlot* make(const QString& objectName, const QString& accessibleName);
/// Titles with units.
void axes(QCustomPlot* plot, const QString& x, const QString& y);
/// A line in a lane's colour and dash.
QCPGraph* laneLine(QCustomPlot* plot, const QString& lane, const QString& title);
/// A vertical or horizontal mark across the plot; re-uses the item of that name.
QCPItemStraightLine* mark(QCustomPlot* plot, const QString& name, bool vertical, double at, const QColor& color,
                          Qt::PenStyle pen = Qt::DashLine);

} // namespace ls::plots

namespace ls {

/// Which columns of a token axis get a name: every punctuation token (neighbours that stand too near share one), and
/// of the others as many as there is room for. pixels: width of a column.
std::map<int, QString> columnLabels(const QStringList& columns, double pixels);

/// Layers (bottom to top) by tokens; cells without a value are hatched; limits are the 2-98 percentile.
class HeatMap : public QCustomPlot {
    Q_OBJECT
public:
    explicit HeatMap(const QString& objectName, const QString& accessibleName, QWidget* parent = nullptr);
    /// values[column][row], NaN = no value. `groups`: per column 0 none, 1 punctuation, 2 function, 3 content.
    void setData(const std::vector<std::vector<float>>& values, const QStringList& columns, const QStringList& rows,
                 const std::vector<int>& groups, const QString& unit);
    void setCrosshair(int column, int row); ///< -1 = none
    void setAxisTitles(const QString& x, const QString& y);

Q_SIGNALS:
    void cellClicked(int column, int row);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void labelColumns();
    QCPColorMap* m_map;
    QCPColorScale* m_scale;
    QCPItemRect *m_column, *m_row;
    QCPBars* m_groups[3];
    QStringList m_columns;
    int m_rows = 0;
};

} // namespace ls
