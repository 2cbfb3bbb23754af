#pragma once

#include "core/session/run_data.h"

#include <optional>
#include <vector>

/// The decode steps over which the lanes of one run may be compared: a lane that goes on alone, or ran before methods
/// were switched, was under other conditions there.
namespace ls {

struct SharedSteps {
    int first = 0; ///< position of the first step: after the first generated token, which carries the prefill, and
                   ///< from the last switch that left at least one step
    int count = 0; ///< steps that every lane with a step has made from there
    bool operator==(const SharedSteps&) const = default;
};
SharedSteps sharedSteps(const RunData& run);

/// Position from which the newest methods of a lane hold; 0 without a switch.
int lastSwitch(const RunData& run, const std::string& lane);

/// Microseconds of a lane's shared steps, in order; fewer than count for a lane without steps.
std::vector<double> stepTimes(const LaneData& lane, const SharedSteps& steps);

/// Shared steps over their own time, tok/s. The engine's own figure where a file holds no times; none before the first
/// step.
std::optional<double> decodeRate(const RunData& run, const LaneData& lane);

} // namespace ls
