#pragma once

#include <optional>
#include <string>
#include <vector>

/// Plots as SVG text: no script, no outside font or file. Labels are escaped here. NaN is drawn as a gap or a hatched
/// cell, never as a number.
namespace ls::svg {

/// For element text and attributes: & < > " ', control characters and broken UTF-8 (both become U+FFFD).
std::string escape(const std::string& text);
/// "#440154" at 0 to "#fde725" at 1 (viridis, CC0); clamped.
std::string viridis(double at);

struct HeatMap {
    std::vector<std::vector<double>> values;        ///< [row][column]
    std::vector<std::string> rowLabels;             ///< top to bottom, may be empty
    std::vector<std::string> columnLabels;          ///< written upwards; numbers where empty
    std::string xLabel, yLabel, valueLabel;         ///< with units
    int firstColumn = 0;                            ///< its number
    std::optional<std::pair<double, double>> range; ///< of the colours; else that of the values
    std::size_t fullWidth = 0; ///< columns of a full figure: a last strip with fewer keeps the size of its cells
};
std::string heatMap(const HeatMap& plot);

struct Series {
    std::string name;
    std::string color;
    std::vector<double> x, y;
    std::vector<double> low, high; ///< band; empty = none
};
struct Mark {
    double x = 0;
    std::string label;
};
struct LinePlot {
    std::vector<Series> series;
    std::string xLabel, yLabel;
    std::optional<double> reference; ///< horizontal line, e.g. chance
    std::vector<Mark> marks;         ///< vertical lines
    bool fromZero = false;           ///< rates, times and distances start at 0
};
std::string lines(const LinePlot& plot);

struct Bar {
    std::string label;
    double value = 0;
    std::string color;
};
std::string bars(const std::vector<Bar>& values, const std::string& valueLabel);

struct Dot {
    std::string label;
    double value = 0;
    std::optional<double> low, high; ///< whisker
    std::string color;
};
struct DotPlot {
    std::vector<Dot> dots;
    std::string valueLabel;          ///< with unit
    std::optional<double> reference; ///< vertical line, e.g. chance
    bool fromZero = false;
};
std::string dots(const DotPlot& plot);

/// Round numbers that cover [low, high] in about `count` steps.
std::vector<double> ticks(double low, double high, int count = 5);

} // namespace ls::svg
