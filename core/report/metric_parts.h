#pragma once

#include "core/session/session.h"
#include "core/stats/summary.h"

#include <vector>

/// Shared by the files that turn rows into metrics; metrics.h is the door. The functions throw json::exception for rows
/// that are not as described, which experimentMetrics() catches.
namespace ls::metrics {

using Values = std::vector<double>;

Metric metric(std::string name, std::string lane, std::string unit, double value, int n);
/// Too few units for an interval: the number stands without one.
Metric withInterval(Metric out, const Result<Estimate>& estimate, double scale = 1.0);
Values numbers(const nlohmann::json& list); ///< null is NaN: JSON text has no other word for it

std::vector<Metric> perplexity(const ExperimentData& experiment);
std::vector<Metric> accuracy(const ExperimentData& experiment);
std::vector<Metric> bench(const ExperimentData& experiment);
std::vector<Metric> fillIn(const ExperimentData& experiment);
std::vector<Metric> cost(const ExperimentData& experiment);
std::vector<Metric> safety(const ExperimentData& experiment);
std::vector<Metric> corpus(const ExperimentData& experiment);

} // namespace ls::metrics
