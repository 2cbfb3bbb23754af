#pragma once

#include "core/error.h"
#include "core/stats/summary.h"

#include <span>
#include <vector>

/// Exact tests and intervals for counts.
namespace ls {

/// Two-sided exact McNemar test: of the items on which two configurations differ, `onlyA` were right under A only and
/// `onlyB` under B only. p = 2 P(X <= min), X ~ Binomial(onlyA + onlyB, 1/2), at most 1; 1 if they never differ.
double mcnemarExact(int onlyA, int onlyB);

/// Wilson score interval of a proportion. Errors: DataTooFew for no trials, InvalidParameter for an impossible count.
Result<Estimate> wilson(int successes, int trials, double level = 0.95);

/// Holm's step-down adjustment, in the order given: compare each with alpha and the family-wise error is held.
std::vector<double> holm(std::span<const double> pValues);

/// Two-sided p of a standard normal statistic.
double normalTwoSided(double z);
/// The z with `level` of a standard normal between -z and z: 1.96 for 0.95.
double normalQuantileForLevel(double level);

} // namespace ls
