#pragma once

#include "app/cli/context.h"
#include "core/session/session.h"

/// What commands that write sessions share.
namespace ls::cli {

using SessionPtr = std::unique_ptr<Session>;

/// Opens an existing session to add to it, or creates it; in memory only for an empty path.
Result<SessionPtr> openOrCreate(const std::string& path);
/// --methods as lane B beside a dense A; A alone without methods.
std::vector<LaneSpec> lanesFor(const MethodSet& methods);
/// "accuracy/truefalse A  54.1 % [49.6, 58.5] n 480", sorted by name and lane.
void printMetrics(const std::vector<Metric>& metrics);
nlohmann::json metricsJson(const std::vector<Metric>& metrics);
/// Metrics as CSV: run, name, lane, unit, value, low, high, n, origin, spec.
Status writeMetricsCsv(const std::string& path, const Session& session);

} // namespace ls::cli
