#include "core/stats/bootstrap.h"

#include "core/stats/random.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <numeric>

namespace ls {

namespace {

Status sameLength(std::size_t a, std::size_t b)
{
    if (a == b)
        return success();
    return Error{Errc::InvalidParameter,
                 fmt::format("The lists compared have {} and {} values.", a, b),
                 "Both must describe the same items.",
                 {}};
}

double ratioOf(std::span<const double> numerators, std::span<const double> denominators, std::span<const int> units)
{
    double top = 0, bottom = 0;
    for (const int unit : units) {
        top += numerators[std::size_t(unit)];
        bottom += denominators[std::size_t(unit)];
    }
    return bottom == 0 ? std::nan("") : top / bottom;
}

} // namespace

Result<Estimate> bootstrap(int units, const UnitStatistic& statistic, const BootstrapOptions& options)
{
    if (units < 2)
        return Error{Errc::DataTooFew,
                     fmt::format("An interval needs at least two independent values; there {} {}.",
                                 units == 1 ? "is" : "are", units),
                     "Run more items or more repetitions.",
                     {}};
    std::vector<int> chosen(std::size_t(units), 0);
    std::iota(chosen.begin(), chosen.end(), 0);
    Estimate result{statistic(chosen), 0, 0, units};
    std::mt19937_64 random(options.seed);
    std::vector<double> values;
    values.reserve(std::size_t(options.resamples));
    for (int i = 0; i < options.resamples; ++i) {
        for (int& unit : chosen)
            unit = int(randomBelow(random, std::size_t(units)));
        if (const double value = statistic(chosen); !std::isnan(value))
            values.push_back(value);
    }
    const double tail = (1 - options.level) / 2;
    result.low = quantile(values, tail);
    result.high = quantile(std::move(values), 1 - tail);
    return result;
}

Result<Estimate> bootstrapMean(std::span<const double> items, const BootstrapOptions& options)
{
    const std::vector<double> ones(items.size(), 1.0);
    return bootstrapRatio(items, ones, options);
}

Result<Estimate> bootstrapClusterMean(std::span<const double> values, std::span<const int> clusters,
                                      const BootstrapOptions& options)
{
    LS_CHECK(sameLength(values.size(), clusters.size()));
    std::map<int, std::pair<double, double>> perCluster; // sum, count
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto& [sum, count] = perCluster[clusters[i]];
        sum += values[i];
        count += 1;
    }
    std::vector<double> sums, counts;
    for (const auto& [cluster, sumAndCount] : perCluster) {
        sums.push_back(sumAndCount.first);
        counts.push_back(sumAndCount.second);
    }
    return bootstrapRatio(sums, counts, options);
}

Result<Estimate> bootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                                const BootstrapOptions& options)
{
    LS_CHECK(sameLength(numerators.size(), denominators.size()));
    return bootstrap(
        int(numerators.size()), [&](std::span<const int> units) { return ratioOf(numerators, denominators, units); },
        options);
}

Result<Estimate> bootstrapRatioDifference(std::span<const double> numeratorsA, std::span<const double> denominatorsA,
                                          std::span<const double> numeratorsB, std::span<const double> denominatorsB,
                                          const BootstrapOptions& options)
{
    LS_CHECK(sameLength(numeratorsA.size(), denominatorsA.size()));
    LS_CHECK(sameLength(numeratorsA.size(), numeratorsB.size()));
    LS_CHECK(sameLength(numeratorsB.size(), denominatorsB.size()));
    const auto statistic = [&](std::span<const int> units) {
        return ratioOf(numeratorsA, denominatorsA, units) - ratioOf(numeratorsB, denominatorsB, units);
    };
    return bootstrap(int(numeratorsA.size()), statistic, options);
}

Result<Estimate> bootstrapPairedDifference(std::span<const double> a, std::span<const double> b,
                                           const BootstrapOptions& options)
{
    LS_CHECK(sameLength(a.size(), b.size()));
    std::vector<double> differences(a.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        differences[i] = b[i] - a[i];
    return bootstrapMean(differences, options);
}

} // namespace ls
