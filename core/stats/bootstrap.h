#pragma once

#include "core/error.h"
#include "core/stats/summary.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

/// Percentile bootstrap: resample the independent units with replacement, recompute the statistic, take quantiles.
/// Units are what was drawn independently: items of a task, repetitions of a benchmark, fragments of a corpus. Values
/// of one fragment depend on each other, so fragments are resampled whole.
/// Same input and seed, same interval. Error everywhere: DataTooFew below two units, InvalidParameter for lengths that
/// differ.
namespace ls {

struct BootstrapOptions {
    int resamples = 2000;
    std::uint64_t seed = 0;
    double level = 0.95;
};

/// `statistic` gets the indices of the resampled units (each 0..units-1, with repeats) and may return NaN where a
/// resample has none of what it needs; such resamples are left out.
using UnitStatistic = std::function<double(std::span<const int> units)>;
Result<Estimate> bootstrap(int units, const UnitStatistic& statistic, const BootstrapOptions& options = {});

Result<Estimate> bootstrapMean(std::span<const double> items, const BootstrapOptions& options = {});
/// Mean of all values with clusters as units; clusters[i] names the cluster of values[i] by any integer.
Result<Estimate> bootstrapClusterMean(std::span<const double> values, std::span<const int> clusters,
                                      const BootstrapOptions& options = {});
/// mean(numerators) / mean(denominators), the units are the pairs. With sums and counts per fragment this is the mean
/// over tokens with fragments as units.
Result<Estimate> bootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                                const BootstrapOptions& options = {});
/// Ratio a minus ratio b, both from the same resamples.
Result<Estimate> bootstrapRatioDifference(std::span<const double> numeratorsA, std::span<const double> denominatorsA,
                                          std::span<const double> numeratorsB, std::span<const double> denominatorsB,
                                          const BootstrapOptions& options = {});
/// mean(b) - mean(a) over the same items.
Result<Estimate> bootstrapPairedDifference(std::span<const double> a, std::span<const double> b,
                                           const BootstrapOptions& options = {});

} // namespace ls
