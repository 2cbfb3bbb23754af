#include "core/stats/auroc.h"

#include "core/stats/hypothesis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace ls {

namespace {

/// Share of `others` below each value, ties half: the placement of a positive among the negatives.
std::vector<double> placements(std::span<const double> values, std::span<const double> others)
{
    std::vector<double> sorted(others.begin(), others.end());
    std::sort(sorted.begin(), sorted.end());
    std::vector<double> out;
    out.reserve(values.size());
    for (const double value : values) {
        const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
        const double below = double(low - sorted.begin()), ties = double(high - low);
        out.push_back((below + ties / 2) / double(sorted.size()));
    }
    return out;
}

double variance(std::span<const double> values)
{
    const double sd = sampleSd(values);
    return sd * sd;
}

Status enough(std::size_t positives, std::size_t negatives)
{
    if (positives >= 2 && negatives >= 2)
        return success();
    return Error{Errc::DataTooFew,
                 fmt::format("An AUROC needs two items of each class; there are {} positive and {} negative.",
                             positives, negatives),
                 "Use a larger set, or one with both classes.",
                 {}};
}

Estimate withInterval(double value, double sd, double level, std::size_t n, double lowest, double highest)
{
    const double half = normalQuantileForLevel(level) * sd;
    return {value, std::max(lowest, value - half), std::min(highest, value + half), int(n)};
}

} // namespace

Result<Estimate> auroc(std::span<const double> positives, std::span<const double> negatives, double level)
{
    LS_CHECK(enough(positives.size(), negatives.size()));
    const std::vector<double> up = placements(positives, negatives), down = placements(negatives, positives);
    const double sd = std::sqrt(variance(up) / double(up.size()) + variance(down) / double(down.size()));
    return withInterval(mean(up), sd, level, up.size() + down.size(), 0, 1);
}

Result<AurocDifference> aurocDifference(std::span<const double> positivesA, std::span<const double> negativesA,
                                        std::span<const double> positivesB, std::span<const double> negativesB,
                                        double level)
{
    if (positivesA.size() != positivesB.size() || negativesA.size() != negativesB.size())
        return Error{Errc::InvalidParameter, "The two scores describe different items.", "Score the same items.", {}};
    LS_CHECK(enough(positivesA.size(), negativesA.size()));
    // The variance of a difference of placements already holds the covariance of the two scores.
    std::vector<double> up = placements(positivesB, negativesB), down = placements(negativesB, positivesB);
    const std::vector<double> upA = placements(positivesA, negativesA), downA = placements(negativesA, positivesA);
    for (std::size_t i = 0; i < up.size(); ++i)
        up[i] -= upA[i];
    for (std::size_t i = 0; i < down.size(); ++i)
        down[i] -= downA[i];
    const double difference = mean(up);
    const double sd = std::sqrt(variance(up) / double(up.size()) + variance(down) / double(down.size()));
    AurocDifference result{withInterval(difference, sd, level, up.size() + down.size(), -1, 1), 1};
    if (sd > 0)
        result.p = normalTwoSided(difference / sd);
    else if (difference != 0)
        result.p = 0;
    return result;
}

} // namespace ls
