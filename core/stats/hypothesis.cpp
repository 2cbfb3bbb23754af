#include "core/stats/hypothesis.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ls {

double mcnemarExact(int onlyA, int onlyB)
{
    const int differ = onlyA + onlyB;
    if (differ == 0)
        return 1;
    const boost::math::binomial_distribution<> coin(differ, 0.5);
    return std::min(1.0, 2 * boost::math::cdf(coin, std::min(onlyA, onlyB)));
}

Result<Estimate> wilson(int successes, int trials, double level)
{
    if (trials <= 0)
        return Error{Errc::DataTooFew, "A proportion needs at least one item.", "Run some items first.", {}};
    if (successes < 0 || successes > trials)
        return Error{Errc::InvalidParameter, fmt::format("{} of {} items cannot be right.", successes, trials), {}, {}};
    const double n = trials, p = successes / n, z = normalQuantileForLevel(level);
    const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
    const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    // Rounding must not push the interval off the proportion at 0 and 1.
    return Estimate{p, std::clamp(centre - half, 0.0, p), std::clamp(centre + half, p, 1.0), trials};
}

std::vector<double> holm(std::span<const double> pValues)
{
    std::vector<std::size_t> order(pValues.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pValues[a] < pValues[b]; });
    std::vector<double> adjusted(pValues.size());
    double largest = 0;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        largest = std::max(largest, std::min(1.0, pValues[order[rank]] * double(order.size() - rank)));
        adjusted[order[rank]] = largest;
    }
    return adjusted;
}

double normalTwoSided(double z)
{
    return 2 * boost::math::cdf(boost::math::complement(boost::math::normal_distribution<>(), std::abs(z)));
}

double normalQuantileForLevel(double level)
{
    return boost::math::quantile(boost::math::normal_distribution<>(), 0.5 + level / 2);
}

} // namespace ls
