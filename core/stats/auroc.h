#pragma once

#include "core/error.h"
#include "core/stats/summary.h"

#include <span>

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counted half.
namespace ls {

/// With the interval of DeLong et al. (1988) from placement values, cut to [0, 1]. Estimate::n counts both classes.
/// A perfect separation has variance 0 and an interval of no width: say n beside it.
/// Error: DataTooFew below two values in a class (the variance needs them).
Result<Estimate> auroc(std::span<const double> positives, std::span<const double> negatives, double level = 0.95);

struct AurocDifference {
    Estimate difference; ///< AUROC of b minus that of a
    double p = 1;        ///< two-sided; 1 if the two scores order all items alike
};
/// Paired DeLong test: two scores of the same items, in the same order. Errors: DataTooFew, InvalidParameter for
/// lengths that differ.
Result<AurocDifference> aurocDifference(std::span<const double> positivesA, std::span<const double> negativesA,
                                        std::span<const double> positivesB, std::span<const double> negativesB,
                                        double level = 0.95);

} // namespace ls
