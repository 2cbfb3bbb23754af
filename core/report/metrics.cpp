#include "core/report/metrics.h"

#include "core/json_value.h"
#include "core/report/metric_parts.h"

#include <limits>
#include <map>

namespace ls {

namespace metrics {

Metric metric(std::string name, std::string lane, std::string unit, double value, int n)
{
    return {std::move(name), std::move(lane), std::move(unit), value, std::nullopt, std::nullopt, n, "measured", {}};
}

Metric withInterval(Metric out, const Result<Estimate>& estimate, double scale)
{
    if (estimate) {
        out.low = scale * estimate.value().low;
        out.high = scale * estimate.value().high;
    }
    return out;
}

Values numbers(const nlohmann::json& list)
{
    Values out;
    for (const auto& value : list)
        out.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
    return out;
}

} // namespace metrics

std::vector<Metric> experimentMetrics(const ExperimentData& experiment)
{
    static const std::map<std::string, std::vector<Metric> (*)(const ExperimentData&)> kinds{
        {"perplexity", metrics::perplexity},
        {"accuracy", metrics::accuracy},
        {"bench", metrics::bench},
        {"fill_in", metrics::fillIn},
        {"measure_cost", metrics::cost},
        {"fit_safety", metrics::safety},
        {"contextualisation_corpus", metrics::corpus}};
    const auto kind = kinds.find(experiment.kind);
    if (kind == kinds.end() || experiment.rows.empty())
        return {};
    std::vector<Metric> out;
    try {
        out = kind->second(experiment);
    } catch (const nlohmann::json::exception&) { // a damaged or newer file: no number is better than a wrong one
        return {};
    }
    const auto methods = methodSetFromJson(valueOr(experiment.params, "methods", nlohmann::json::array()));
    for (Metric& each : out)
        each.specHash = specHash(methods ? methods.value() : MethodSet{});
    return out;
}

void storeMetrics(Session& session, const ExperimentData& experiment)
{
    for (const Metric& each : experimentMetrics(experiment))
        session.addMetric(each, 0);
}

} // namespace ls
