#pragma once

#include "core/session/session.h"

/// What a second run of the same spec gave, number by number.
namespace ls {

enum class Verdict { Equal, WithinNoise, NotCompared, Different };
std::string_view verdictName(Verdict verdict); ///< "equal", "within noise", "not compared", "different"

struct Comparison {
    std::string what; ///< "run 1 lane B: tokens"
    Verdict verdict = Verdict::Equal;
    std::string detail; ///< both values, or where they part
};

/// Token ids (exact), log-probabilities and taps (noise: 1e-4 of the largest entry of the row, 2e-2 in bfloat16), end
/// of the lanes. Positions from the first toggle of a lane on are left out, with a line that says so: a toggle made by
/// hand is not part of the spec.
std::vector<Comparison> compareRuns(const RunData& before, const RunData& after);
/// By (name, lane, specHash). Within noise: 1e-4 relative. Times, rates and memory vary by nature: within noise where
/// the intervals overlap, and not compared without intervals. A metric that is missing in `after` is different.
std::vector<Comparison> compareMetrics(const std::vector<Metric>& before, const std::vector<Metric>& after);

} // namespace ls
