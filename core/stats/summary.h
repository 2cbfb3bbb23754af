#pragma once

#include <span>
#include <vector>

/// Plain descriptions of a sample. NaN where the sample is too small to say anything.
namespace ls {

/// A number with its 95 % interval (or the level asked for) and the number of independent units behind it.
struct Estimate {
    double value = 0;
    double low = 0, high = 0;
    int n = 0;
    bool operator==(const Estimate&) const = default;
};

/// NaN for an empty sample.
double mean(std::span<const double> values);
/// Standard deviation with n - 1 in the denominator; NaN below two values.
double sampleSd(std::span<const double> values);
/// Quantile by linear interpolation between order statistics: position q (n - 1), 0 <= q <= 1. NaN if empty.
double quantile(std::vector<double> values, double q);
double median(std::vector<double> values);

} // namespace ls
