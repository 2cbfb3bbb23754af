#include "ui/plots/plot.h"

#include "ui/plots/pattern_key.h"
#include "ui/shell/theme.h"

#include <algorithm>
#include <cmath>

namespace ls::plots {

using theme::Role;

void style(QCustomPlot* plot)
{
    const QColor text = theme::color(Role::TextSecond);
    plot->setBackground(QBrush(theme::color(Role::Panel)));
    QFont font = plot->font();
    font.setPixelSize(11);
    for (QCPAxisRect* rect : plot->axisRects())
        for (QCPAxis* axis : rect->axes()) {
            axis->setBasePen(QPen(theme::color(Role::StrongBorder)));
            axis->setTickPen(QPen(theme::color(Role::StrongBorder)));
            axis->setSubTickPen(Qt::NoPen);
            axis->setTickLabelColor(text);
            axis->setLabelColor(text);
            axis->setTickLabelFont(font);
            axis->setLabelFont(font);
            axis->grid()->setPen(QPen(theme::color(Role::Grid), 0));
            axis->grid()->setZeroLinePen(QPen(theme::color(Role::StrongBorder), 0));
        }
    if (plot->legend) {
        plot->legend->setBrush(QBrush(theme::color(Role::Panel)));
        plot->legend->setBorderPen(Qt::NoPen);
        plot->legend->setTextColor(text);
        plot->legend->setFont(font);
    }
}

QCustomPlot* make(const QString& objectName, const QString& accessibleName)
{
    auto* plot = new QCustomPlot;
    plot->setObjectName(objectName);
    plot->setAccessibleName(accessibleName);
    plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    plot->setMinimumSize(110, 90);
    style(plot);
    QObject::connect(plot, &QCustomPlot::mouseDoubleClick, plot, [plot] {
        plot->rescaleAxes();
        plot->replot();
    });
    return plot;
}

void axes(QCustomPlot* plot, const QString& x, const QString& y)
{
    plot->xAxis->setLabel(x);
    plot->yAxis->setLabel(y);
}

QCPGraph* laneLine(QCustomPlot* plot, const QString& lane, const QString& title)
{
    QCPGraph* graph = plot->addGraph();
    graph->setName(title);
    graph->setPen(QPen(theme::laneColor(lane), 1.6, lane == QLatin1String("A") ? Qt::SolidLine : Qt::DashLine));
    graph->setProperty("lane", lane);
    return graph;
}

QCPItemStraightLine* mark(QCustomPlot* plot, const QString& name, bool vertical, double at, const QColor& color,
                          Qt::PenStyle pen)
{
    QCPItemStraightLine* line = nullptr;
    for (int i = 0; i < plot->itemCount(); ++i)
        if (plot->item(i)->objectName() == name)
            line = qobject_cast<QCPItemStraightLine*>(plot->item(i));
    if (!line) {
        line = new QCPItemStraightLine(plot);
        line->setObjectName(name);
    }
    line->setPen(QPen(color, 1, pen));
    line->point1->setCoords(vertical ? at : 0, vertical ? 0 : at);
    line->point2->setCoords(vertical ? at : 1, vertical ? 1 : at);
    return line;
}

} // namespace ls::plots

namespace ls {

using theme::Role;

namespace {

constexpr double kLabel = 12; // px that a label takes across
constexpr int kLongest = 12;  // letters

bool isPunctuation(const QString& token)
{
    const QString text = token.trimmed();
    return !text.isEmpty() &&
           std::all_of(text.begin(), text.end(), [](QChar c) { return c.isPunct() || c.isSymbol(); });
}

} // namespace

std::map<int, QString> columnLabels(const QStringList& columns, double pixels)
{
    std::map<int, QString> labels;
    for (int x = 0; x < columns.size(); ++x) {
        if (!isPunctuation(columns[x]))
            continue;
        // Too near to the one before: they share a label, so that none goes unnamed.
        if (!labels.empty() && (x - labels.rbegin()->first) * pixels < kLabel)
            labels.rbegin()->second += columns[x].trimmed();
        else
            labels[x] = columns[x].left(kLongest);
    }
    double free = 0; // px where the next label may stand
    for (int x = 0; x < columns.size(); ++x) {
        if (labels.contains(x)) {
            free = x * pixels + kLabel;
            continue;
        }
        const auto next = labels.upper_bound(x);
        if (x * pixels < free || (next != labels.end() && (next->first - x) * pixels < kLabel))
            continue;
        labels[x] = columns[x].left(kLongest);
        free = x * pixels + kLabel;
    }
    return labels;
}

HeatMap::HeatMap(const QString& objectName, const QString& accessibleName, QWidget* parent)
    : QCustomPlot(parent)
{
    setObjectName(objectName);
    setAccessibleName(accessibleName);
    setMinimumSize(160, 120);
    m_map = new QCPColorMap(xAxis, yAxis);
    m_map->setInterpolate(false);
    m_map->setTightBoundary(false);
    QCPColorGradient gradient;
    for (int i = 0; i <= 16; ++i)
        gradient.setColorStopAt(i / 16.0, theme::viridis(i / 16.0));
    gradient.setNanHandling(QCPColorGradient::nhTransparent);
    m_map->setGradient(gradient);
    m_scale = new QCPColorScale(this);
    m_scale->setType(QCPAxis::atRight);
    m_scale->setBarWidth(10);
    plotLayout()->addElement(0, 1, m_scale);
    m_map->setColorScale(m_scale);
    m_scale->setGradient(gradient); // the scale's gradient replaces the map's
    auto* margins = new QCPMarginGroup(this);
    axisRect()->setMarginGroup(QCP::msTop | QCP::msBottom, margins);
    m_scale->setMarginGroup(QCP::msTop | QCP::msBottom, margins);
    const theme::Role roles[] = {Role::LaneB, Role::LaneC, Role::LaneA};
    for (int i = 0; i < 3; ++i) {
        m_groups[i] = new QCPBars(xAxis, yAxis);
        m_groups[i]->setBaseValue(-1.0);
        m_groups[i]->setWidth(1);
        m_groups[i]->setPen(Qt::NoPen);
        m_groups[i]->setBrush(theme::color(roles[i]));
    }
    xAxis->setTickLabelRotation(90);
    xAxis->grid()->setVisible(false);
    yAxis->grid()->setVisible(false);
    m_column = new QCPItemRect(this);
    m_row = new QCPItemRect(this);
    for (QCPItemRect* rect : {m_column, m_row}) {
        rect->setBrush(Qt::NoBrush);
        rect->setVisible(false);
    }
    setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    axisRect()->setRangeDrag(Qt::Horizontal);
    axisRect()->setRangeZoom(Qt::Horizontal);
    connect(this, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        const int column = int(std::lround(xAxis->pixelToCoord(event->pos().x())));
        const int row = int(std::lround(yAxis->pixelToCoord(event->pos().y())));
        if (column >= 0 && column < m_columns.size() && row >= 0 && row < m_rows)
            Q_EMIT cellClicked(column, row);
    });
    connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, &HeatMap::labelColumns);
    connect(this, &QCustomPlot::mouseDoubleClick, this, [this] {
        xAxis->setRange(-0.5, double(m_columns.size()) - 0.5);
        replot();
    });
}

void HeatMap::setAxisTitles(const QString& x, const QString& y)
{
    xAxis->setLabel(x);
    yAxis->setLabel(y);
}

void HeatMap::setData(const std::vector<std::vector<float>>& values, const QStringList& columns,
                      const QStringList& rows, const std::vector<int>& groups, const QString& unit)
{
    plots::style(this);
    axisRect()->setBackground(patterns::noValue());
    m_scale->axis()->setTickLabelColor(theme::color(Role::TextSecond));
    m_scale->axis()->setLabelColor(theme::color(Role::TextSecond));
    m_scale->axis()->setLabel(unit);
    m_scale->axis()->setTickLabelFont(xAxis->tickLabelFont());
    m_scale->axis()->setLabelFont(xAxis->tickLabelFont());
    m_scale->axis()->setSubTickPen(Qt::NoPen);
    m_scale->axis()->ticker()->setTickCount(4);
    const int columnCount = int(columns.size());
    const bool grown = columnCount != m_columns.size() || m_rows != int(rows.size());
    const bool whole = m_columns.isEmpty() || xAxis->range().upper >= double(m_columns.size()) - 1.5;
    m_columns = columns;
    m_rows = int(rows.size());
    m_map->data()->setSize(std::max(1, columnCount), std::max(1, m_rows));
    m_map->data()->setRange(QCPRange(0, std::max(1, columnCount - 1)), QCPRange(0, std::max(1, m_rows - 1)));
    std::vector<double> finite;
    for (int x = 0; x < columnCount; ++x)
        for (int y = 0; y < m_rows; ++y) {
            const auto& column = values[std::size_t(x)];
            const double value = std::size_t(y) < column.size() ? double(column[std::size_t(y)]) : std::nan("");
            m_map->data()->setCell(x, y, value);
            if (std::isfinite(value))
                finite.push_back(value);
        }
    double low = 0, high = 1;
    if (!finite.empty()) {
        std::sort(finite.begin(), finite.end());
        low = finite[std::size_t(0.02 * double(finite.size() - 1))];
        high = finite[std::size_t(std::ceil(0.98 * double(finite.size() - 1)))];
        if (high <= low)
            high = low + 1e-6;
    }
    m_map->setDataRange(QCPRange(low, high));
    for (int g = 0; g < 3; ++g) {
        QVector<double> keys, ends;
        for (int x = 0; x < columnCount && x < int(groups.size()); ++x)
            if (groups[std::size_t(x)] == g + 1) {
                keys << x;
                ends << -0.5;
            }
        m_groups[g]->setData(keys, ends, true);
    }
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    const int step = m_rows > 16 ? 5 : m_rows > 8 ? 2 : 1;
    for (int y = 0; y < m_rows; ++y)
        if (y == 0 || y == m_rows - 1 || ((y - 1) % step == 0 && y - 1 > 0 && y < m_rows - 2))
            ticker->addTick(y, rows[y]);
    yAxis->setTicker(ticker);
    yAxis->setRange(-1.0, m_rows - 0.5);
    if (grown && whole)
        xAxis->setRange(-0.5, columnCount - 0.5);
    labelColumns();
    replot(QCustomPlot::rpQueuedReplot);
}

void HeatMap::labelColumns()
{
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    const double pixels = double(std::max(1, axisRect()->width())) / std::max(1.0, xAxis->range().size());
    for (const auto& [column, label] : columnLabels(m_columns, std::max(0.01, pixels)))
        ticker->addTick(column, label);
    xAxis->setTicker(ticker);
}

void HeatMap::setCrosshair(int column, int row)
{
    const QPen pen(theme::color(Role::Accent), 2);
    m_column->setVisible(column >= 0);
    m_row->setVisible(row >= 0);
    m_column->setPen(pen);
    m_row->setPen(pen);
    m_column->topLeft->setCoords(column - 0.5, m_rows - 0.5);
    m_column->bottomRight->setCoords(column + 0.5, -0.5);
    m_row->topLeft->setCoords(-0.5, row + 0.5);
    m_row->bottomRight->setCoords(double(m_columns.size()) - 0.5, row - 0.5);
    replot(QCustomPlot::rpQueuedReplot);
}

void HeatMap::resizeEvent(QResizeEvent* event)
{
    QCustomPlot::resizeEvent(event);
    labelColumns();
}

} // namespace ls
