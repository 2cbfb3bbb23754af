#pragma once

#include "core/report/metrics.h"
#include "core/report/report.h"
#include "core/report/svg.h"

#include <fmt/format.h>

#include <limits>

/// Shared by the files that write sections; report.h is the door. A section without blocks has nothing to say.
namespace ls::report {

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// An experiment and its numbers.
struct Measured {
    const ExperimentData* experiment = nullptr;
    std::vector<Metric> metrics;
    const Metric* find(const std::string& name, const std::string& lane) const;
};

struct Context {
    const ReportInput& input;
    const RunData* run = nullptr;
    std::vector<Metric> runMetrics;
    std::vector<Measured> measured; ///< those with numbers, oldest first

    const Measured* newest(const std::string& kind) const;
    /// Newest of a kind for each different value of a parameter, in order of first appearance.
    std::vector<const Measured*> newestBy(const std::string& kind, const std::string& param) const;
};

/// Colours of the lanes, the same as on screen.
const char* laneColor(const std::string& lane);
/// "Layer skip (blocks 12, 14); Steering vector (…)"; "none (dense)".
std::string methodText(const MethodSet& methods);
/// The methods an experiment ran lane B under, and whether the shown run has them.
std::string measuredUnder(const Context& context, const ExperimentData& experiment);
/// "0.83 [0.79, 0.87]", or the number alone.
Cell withInterval(const Metric* metric);
Cell bytes(double count);
/// "B higher", "B lower", or "n.s." where the interval holds `zero`; empty without an interval.
std::string verdict(const Metric* difference, double zero = 0);

Section summary(const Context& context);
Section configuration(const Context& context);
Section text(const Context& context);
Section toggles(const Context& context);
Section speed(const Context& context);
Section distance(const Context& context);
Section perplexity(const Context& context);
Section accuracy(const Context& context);
Section cost(const Context& context);
Section steering(const Context& context);
Section contextualisation(const Context& context);
Section safety(const Context& context);
Section lens(const Context& context);
Section experiments(const Context& context);
Section notes(const Context& context);
Section provenance(const Context& context);
Section numbers(const Context& context);
Section tokens(const Context& context);

} // namespace ls::report
