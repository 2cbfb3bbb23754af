#include "core/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace ls::svg {

namespace {

constexpr double kWidth = 720, kLeft = 70, kRight = 20, kTop = 24, kBottom = 46;

std::string text(double x, double y, const std::string& words, const char* anchor = "middle", const char* more = "")
{
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>", x, y, anchor, more,
                       escape(words));
}

std::string open(double height)
{
    return fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" "
                       "height=\"{:.0f}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#333\">",
                       kWidth, height, kWidth, height);
}

std::string line(double x1, double y1, double x2, double y2, const std::string& color, const char* more = "")
{
    return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" {}/>", x1, y1, x2,
                       y2, color, more);
}

/// A range that holds all finite values and is never empty.
struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    void add(double value)
    {
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    void close()
    {
        if (low > high)
            low = 0, high = 1;
        if (low == high) {
            const double room = low == 0 ? 1 : std::abs(low) * 0.1;
            low -= room;
            high += room;
        }
    }
    double at(double value) const { return (value - low) / (high - low); }
};

std::string yAxis(const Range& range, double height, const std::string& label)
{
    const double bottom = height - kBottom;
    std::string out;
    for (const double tick : ticks(range.low, range.high)) {
        const double y = bottom - range.at(tick) * (bottom - kTop);
        out += line(kLeft, y, kWidth - kRight, y, "#ddd");
        out += text(kLeft - 6, y + 4, fmt::format("{:g}", tick), "end");
    }
    return out + text(14, (kTop + bottom) / 2, label, "middle",
                      fmt::format("transform=\"rotate(-90 14 {:.1f})\"", (kTop + bottom) / 2).c_str());
}

std::string xAxis(const Range& range, double height, const std::string& label)
{
    const double bottom = height - kBottom;
    std::string out = line(kLeft, bottom, kWidth - kRight, bottom, "#666");
    for (const double tick : ticks(range.low, range.high, 8)) {
        const double x = kLeft + range.at(tick) * (kWidth - kRight - kLeft);
        out += line(x, bottom, x, bottom + 4, "#666") + text(x, bottom + 16, fmt::format("{:g}", tick));
    }
    return out + text((kLeft + kWidth - kRight) / 2, height - 10, label);
}

} // namespace

std::string escape(const std::string& words)
{
    std::string out;
    for (std::size_t i = 0; i < words.size();) {
        const auto byte = static_cast<unsigned char>(words[i]);
        const std::size_t length = byte < 0x80   ? 1
                                   : byte < 0xc2 ? 0
                                   : byte < 0xe0 ? 2
                                   : byte < 0xf0 ? 3
                                   : byte < 0xf5 ? 4
                                                 : 0;
        bool good = length > 0 && i + length <= words.size();
        for (std::size_t k = 1; good && k < length; ++k)
            good = (static_cast<unsigned char>(words[i + k]) & 0xc0) == 0x80;
        if (good && length == 3) { // overlong, surrogates
            const auto next = static_cast<unsigned char>(words[i + 1]);
            good = !(byte == 0xe0 && next < 0xa0) && !(byte == 0xed && next > 0x9f);
        } else if (good && length == 4) {
            const auto next = static_cast<unsigned char>(words[i + 1]);
            good = !(byte == 0xf0 && next < 0x90) && !(byte == 0xf4 && next > 0x8f);
        }
        const bool control = byte < 0x20 && byte != '\n' && byte != '\t';
        if (!good || control || byte == 0x7f) {
            out += "\uFFFD";
            ++i;
            continue;
        }
        if (byte == '&')
            out += "&amp;";
        else if (byte == '<')
            out += "&lt;";
        else if (byte == '>')
            out += "&gt;";
        else if (byte == '"')
            out += "&quot;";
        else if (byte == '\'')
            out += "&#39;";
        else
            out += words.substr(i, length);
        i += length;
    }
    return out;
}

std::string viridis(double at)
{
    static constexpr std::array<std::array<int, 3>, 10> kStops{{{0x44, 0x01, 0x54},
                                                                {0x48, 0x28, 0x78},
                                                                {0x3e, 0x49, 0x89},
                                                                {0x31, 0x68, 0x8e},
                                                                {0x26, 0x82, 0x8e},
                                                                {0x1f, 0x9e, 0x89},
                                                                {0x35, 0xb7, 0x79},
                                                                {0x6e, 0xce, 0x58},
                                                                {0xb5, 0xde, 0x2b},
                                                                {0xfd, 0xe7, 0x25}}};
    const double place = std::clamp(at, 0.0, 1.0) * double(kStops.size() - 1);
    const auto stop = std::min(std::size_t(place), kStops.size() - 2);
    std::array<int, 3> mixed{};
    for (std::size_t c = 0; c < 3; ++c)
        mixed[c] = int(std::lround(kStops[stop][c] + (place - double(stop)) * (kStops[stop + 1][c] - kStops[stop][c])));
    return fmt::format("#{:02x}{:02x}{:02x}", mixed[0], mixed[1], mixed[2]);
}

std::vector<double> ticks(double low, double high, int count)
{
    const double raw = (high - low) / std::max(count, 1);
    if (!(raw > 0) || !std::isfinite(raw))
        return {};
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    const double step = raw / power <= 1   ? power
                        : raw / power <= 2 ? 2 * power
                        : raw / power <= 5 ? 5 * power
                                           : 10 * power;
    std::vector<double> out;
    for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k)
        out.push_back(k == 0 ? 0 : k * step);
    return out;
}

namespace {

/// Shortened to what fits into about `letters` letters; line breaks become visible.
std::string label(const std::string& words, std::size_t letters)
{
    std::string out;
    std::size_t count = 0;
    for (std::size_t i = 0; i < words.size();) {
        std::size_t end = i + 1;
        while (end < words.size() && (static_cast<unsigned char>(words[end]) & 0xc0) == 0x80)
            ++end;
        if (count++ == letters)
            return out + "…";
        out += words[i] == '\n' ? "⏎" : words.substr(i, end - i);
        i = end;
    }
    return out;
}

/// A cell without a value: lines, because not every viewer knows patterns.
std::string hatch(double x, double y, double width, double height)
{
    return fmt::format("<path class=\"none\" d=\"M{:.2f} {:.2f}l{:.2f} {:.2f}\" stroke=\"#aaa\" stroke-width=\"0.6\"/>",
                       x, y + height, width, -height);
}

std::string colorScale(const Range& range, double top)
{
    std::string out;
    for (int i = 0; i < 50; ++i)
        out += fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"10\" height=\"2.4\" fill=\"{}\"/>", kWidth - 60,
                           top + 2 * (49 - i), viridis(i / 49.0));
    return out + text(kWidth - 46, top + 8, fmt::format("{:.3g}", range.high), "start") +
           text(kWidth - 46, top + 100, fmt::format("{:.3g}", range.low), "start");
}

} // namespace

std::string heatMap(const HeatMap& plot)
{
    constexpr double kLabels = 70, kScale = 70, kLetter = 4.6, kScaleHeight = 104;
    constexpr std::size_t kLetters = 10;
    std::size_t columns = 0;
    Range range;
    for (const auto& row : plot.values) {
        columns = std::max(columns, row.size());
        for (const double value : row)
            range.add(value);
    }
    if (plot.range) {
        range = {};
        range.add(plot.range->first);
        range.add(plot.range->second);
    }
    range.close();
    const std::size_t rows = plot.values.size();
    const double cell = rows > 40 ? 5 : 9;
    const double width = (kWidth - kLabels - kScale - 10) / double(std::max({columns, plot.fullWidth, std::size_t(1)}));
    const double bottom = kTop + std::max(cell * double(rows), plot.columnLabels.empty() ? kScaleHeight : 0.0);
    const double below = plot.columnLabels.empty() ? kBottom : 26 + kLetter * double(kLetters);
    std::string out = open(std::max(bottom + below, kTop + kScaleHeight + 20)) + "<g shape-rendering=\"crispEdges\">";
    std::string hatching;
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < plot.values[r].size(); ++c) {
            const double value = plot.values[r][c], x = kLabels + width * double(c), y = kTop + cell * double(r);
            if (std::isfinite(value))
                out += fmt::format("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\"/>", x, y,
                                   width + 0.05, cell + 0.05, viridis(range.at(value)));
            else
                hatching += hatch(x, y, width, cell);
        }
    out += "</g>" + hatching;
    const std::size_t every = std::max<std::size_t>(1, rows / 12);
    for (std::size_t r = 0; r < std::min(rows, plot.rowLabels.size()); ++r)
        if ((rows - 1 - r) % every == 0)
            out += text(kLabels - 4, kTop + cell * (double(r) + 0.5) + 3, plot.rowLabels[r], "end", "font-size=\"9\"");
    for (std::size_t c = 0; c < plot.columnLabels.size(); ++c) {
        const double x = kLabels + width * (double(c) + 0.5) + 3, y = bottom + 4;
        out += text(x, y, label(plot.columnLabels[c], kLetters), "end",
                    fmt::format("font-size=\"8\" transform=\"rotate(-90 {:.1f} {:.1f})\"", x, y).c_str());
    }
    if (plot.columnLabels.empty())
        for (const double tick : ticks(plot.firstColumn, plot.firstColumn + std::max(1.0, double(columns) - 1), 10))
            if (tick == std::floor(tick))
                out += text(kLabels + width * (tick - plot.firstColumn + 0.5), bottom + 14, fmt::format("{:g}", tick));
    out += text(kLabels + width * double(columns) / 2, bottom + below - 8, plot.xLabel);
    out += text(kLabels - 4, kTop - 8, plot.yLabel, "end");
    out += colorScale(range, kTop);
    return out + text(kWidth - 4, kTop - 8, plot.valueLabel, "end") + "</svg>";
}

std::string lines(const LinePlot& plot)
{
    constexpr double kHeight = 280;
    Range xs, ys;
    for (const Series& s : plot.series) {
        for (std::size_t i = 0; i < s.x.size(); ++i)
            xs.add(s.x[i]);
        for (const auto* values : {&s.y, &s.low, &s.high})
            for (const double value : *values)
                ys.add(value);
    }
    if (plot.reference)
        ys.add(*plot.reference);
    if (plot.fromZero)
        ys.add(0);
    xs.close();
    ys.close();
    const double bottom = kHeight - kBottom;
    const auto px = [&](double x) { return kLeft + xs.at(x) * (kWidth - kRight - kLeft); };
    const auto py = [&](double y) { return bottom - ys.at(y) * (bottom - kTop); };
    std::string out = open(kHeight) + yAxis(ys, kHeight, plot.yLabel) + xAxis(xs, kHeight, plot.xLabel);
    if (plot.reference)
        out +=
            line(kLeft, py(*plot.reference), kWidth - kRight, py(*plot.reference), "#888", "stroke-dasharray=\"5 4\"");
    double legend = kLeft;
    for (const Mark& mark : plot.marks)
        if (mark.x >= xs.low && mark.x <= xs.high) {
            const bool left = xs.at(mark.x) > 0.7;
            out += line(px(mark.x), kTop, px(mark.x), bottom, "#8a5700", "stroke-dasharray=\"3 3\"") +
                   text(px(mark.x) + (left ? -4 : 4), kTop + 10, mark.label, left ? "end" : "start");
        }
    for (const Series& s : plot.series) {
        const std::size_t count = std::min(s.x.size(), s.y.size());
        if (s.low.size() == count && s.high.size() == count && count > 0) {
            std::string points;
            for (std::size_t i = 0; i < count; ++i)
                if (std::isfinite(s.low[i]))
                    points += fmt::format("{:.1f},{:.1f} ", px(s.x[i]), py(s.low[i]));
            for (std::size_t i = count; i-- > 0;)
                if (std::isfinite(s.high[i]))
                    points += fmt::format("{:.1f},{:.1f} ", px(s.x[i]), py(s.high[i]));
            out += fmt::format("<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.2\"/>", points, s.color);
        }
        std::string path;
        bool pen = false;
        const auto there = [&](std::size_t i) { return i < count && std::isfinite(s.x[i]) && std::isfinite(s.y[i]); };
        for (std::size_t i = 0; i < count; ++i) {
            const bool shown = there(i);
            if (shown && !pen && !there(i + 1)) // alone: a line of no length is not drawn
                out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", px(s.x[i]), py(s.y[i]),
                                   s.color);
            if (shown)
                path += fmt::format("{}{:.1f} {:.1f}", pen ? "L" : "M", px(s.x[i]), py(s.y[i]));
            pen = shown;
        }
        out += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" "
                           "stroke-linecap=\"round\"/>",
                           path, s.color);
        out +=
            line(legend, 12, legend + 18, 12, s.color, "stroke-width=\"2\"") + text(legend + 22, 16, s.name, "start");
        legend += 60 + 7 * double(s.name.size());
    }
    return out + "</svg>";
}

std::string bars(const std::vector<Bar>& values, const std::string& valueLabel)
{
    constexpr double kHeight = 240;
    Range range;
    range.add(0);
    for (const Bar& bar : values)
        range.add(bar.value);
    range.close();
    const double bottom = kHeight - kBottom, step = (kWidth - kRight - kLeft) / std::max(1.0, double(values.size()));
    const auto py = [&](double y) { return bottom - range.at(y) * (bottom - kTop); };
    std::string out = open(kHeight) + yAxis(range, kHeight, valueLabel);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = kLeft + step * (double(i) + 0.2);
        if (std::isfinite(values[i].value))
            out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>", x,
                               std::min(py(values[i].value), py(0)), step * 0.6, std::abs(py(values[i].value) - py(0)),
                               values[i].color);
        out += text(x + step * 0.3, bottom + 16, values[i].label);
    }
    return out + "</svg>";
}

std::string dots(const DotPlot& plot)
{
    constexpr double kLabels = 220, kStep = 24;
    constexpr std::size_t kLetters = 36;
    const double height = kTop + kStep * double(plot.dots.size()) + kBottom;
    Range range;
    for (const Dot& dot : plot.dots) {
        range.add(dot.value);
        range.add(dot.low.value_or(dot.value));
        range.add(dot.high.value_or(dot.value));
    }
    if (plot.reference)
        range.add(*plot.reference);
    const double room = range.low < range.high ? 0.04 * (range.high - range.low) : 0;
    range.low -= room; // whiskers end inside
    range.high += room;
    if (plot.fromZero)
        range.low = std::min(range.low, 0.0);
    range.close();
    const auto px = [&](double x) { return kLabels + range.at(x) * (kWidth - 2 * kRight - kLabels); };
    std::string out = open(height);
    for (const double tick : ticks(range.low, range.high, 6)) {
        out += line(px(tick), kTop, px(tick), height - kBottom, "#ddd");
        out += text(px(tick), height - kBottom + 16, fmt::format("{:g}", tick));
    }
    if (plot.reference)
        out +=
            line(px(*plot.reference), kTop, px(*plot.reference), height - kBottom, "#666", "stroke-dasharray=\"5 4\"");
    for (std::size_t i = 0; i < plot.dots.size(); ++i) {
        const Dot& dot = plot.dots[i];
        const double y = kTop + kStep * (double(i) + 0.5);
        out += text(kLabels - 10, y + 4, label(dot.label, kLetters), "end");
        if (dot.low && dot.high && std::isfinite(*dot.low) && std::isfinite(*dot.high))
            out += line(px(*dot.low), y, px(*dot.high), y, dot.color, "stroke-width=\"2\"");
        if (std::isfinite(dot.value))
            out +=
                fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\" fill=\"{}\"/>", px(dot.value), y, dot.color);
    }
    return out + text((kLabels + kWidth) / 2, height - 10, plot.valueLabel) + "</svg>";
}

} // namespace ls::svg
