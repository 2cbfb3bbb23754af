#include "core/stats/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ls {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double mean(std::span<const double> values)
{
    if (values.empty())
        return kNan;
    double sum = 0;
    for (const double value : values)
        sum += value;
    return sum / double(values.size());
}

double sampleSd(std::span<const double> values)
{
    if (values.size() < 2)
        return kNan;
    const double centre = mean(values);
    double squares = 0;
    for (const double value : values)
        squares += (value - centre) * (value - centre);
    return std::sqrt(squares / double(values.size() - 1));
}

double quantile(std::vector<double> values, double q)
{
    if (values.empty())
        return kNan;
    const double position = std::clamp(q, 0.0, 1.0) * double(values.size() - 1);
    const auto below = std::ptrdiff_t(position);
    const auto at = values.begin() + below;
    std::nth_element(values.begin(), at, values.end());
    const double rest = position - double(below);
    if (rest == 0)
        return *at;
    return *at + rest * (*std::min_element(at + 1, values.end()) - *at);
}

double median(std::vector<double> values)
{
    return quantile(std::move(values), 0.5);
}

} // namespace ls
