#include "app/cli/session_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace ls::cli {

using nlohmann::json;

Result<SessionPtr> openOrCreate(const std::string& path)
{
    if (!path.empty() && std::filesystem::exists(path))
        return Session::open(path);
    return Session::create(path);
}

std::vector<LaneSpec> lanesFor(const MethodSet& methods)
{
    std::vector<LaneSpec> lanes{LaneSpec{"A", {}}};
    if (!methods.empty())
        lanes.push_back({"B", methods});
    return lanes;
}

void printMetrics(const std::vector<Metric>& metrics)
{
    for (const Metric& metric : metrics) {
        std::string line =
            fmt::format("{:<34} {:<5} {:>12.5g} {}", metric.name, metric.lane, metric.value, metric.unit);
        if (metric.low && metric.high)
            line += fmt::format("  [{:.5g}, {:.5g}]", *metric.low, *metric.high);
        fmt::print("{}  n {}\n", line, metric.n);
    }
}

json metricsJson(const std::vector<Metric>& metrics)
{
    json out = json::array();
    for (const Metric& metric : metrics) {
        json entry{{"name", metric.name}, {"lane", metric.lane}, {"unit", metric.unit}, {"value", metric.value},
                   {"low", nullptr},      {"high", nullptr},     {"n", metric.n}};
        if (metric.low)
            entry["low"] = *metric.low;
        if (metric.high)
            entry["high"] = *metric.high;
        out.push_back(std::move(entry));
    }
    return out;
}

Status writeMetricsCsv(const std::string& path, const Session& session)
{
    std::ofstream file(path);
    const auto optional = [](const std::optional<double>& value) { return value ? fmt::format("{}", *value) : ""; };
    file << "run,name,lane,unit,value,low,high,n,origin,spec\n";
    for (const auto& [run, metric] : session.metrics())
        file << fmt::format("{},\"{}\",{},{},{},{},{},{},{},{}\n", run, metric.name, metric.lane, metric.unit,
                            metric.value, optional(metric.low), optional(metric.high), metric.n, metric.origin,
                            metric.specHash);
    file.close();
    if (!file)
        return Error{Errc::FileNotWritable, fmt::format("{} cannot be written.", path), "Check the folder.", {}};
    return success();
}

} // namespace ls::cli
