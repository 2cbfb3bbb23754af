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
    std::vector<std::vector<double>> values; ///< [row][column]
    std::vector<std::string> rowLabels;      ///< top to bottom, may be empty
    std::string xLabel, yLabel, valueLabel;  ///< with units
};
std::string heatMap(const HeatMap& plot);

struct Series {
    std::string name;
    std::string color;
    std::vector<double> x, y;
    std::vector<double> low, high; ///< band; empty = none
};
struct LinePlot {
    std::vector<Series> series;
    std::string xLabel, yLabel;
    std::optional<double> reference; ///< horizontal line, e.g. chance
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
std::string dots(const std::vector<Dot>& values, const std::string& valueLabel);

/// Round numbers that cover [low, high] in about `count` steps.
std::vector<double> ticks(double low, double high, int count = 5);

} // namespace ls::svg
