#include "core/report/metric_parts.h"

#include "core/stats/bootstrap.h"

#include <cmath>
#include <map>
#include <numeric>

namespace ls::metrics {

using nlohmann::json;

namespace {

struct Sums {
    Values numerators, denominators;
};

double total(const Values& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0);
}

} // namespace

std::vector<Metric> perplexity(const ExperimentData& experiment)
{
    std::map<std::string, std::map<int, std::pair<double, double>>> windows; // lane -> window -> (nll sum, scored)
    for (const json& row : experiment.rows)
        windows[row.at("lane")][row.at("window")] = {row.at("nll_sum"), row.at("scored")};
    std::vector<Metric> out;
    std::map<std::string, Sums> lanes;
    for (const auto& [lane, rows] : windows) {
        Sums& sums = lanes[lane];
        double nll = 0, count = 0;
        for (const auto& [window, row] : rows) {
            sums.numerators.push_back(row.first);
            sums.denominators.push_back(row.second);
            nll += row.first;
            count += row.second;
        }
        if (count <= 0)
            continue;
        const auto interval = bootstrapRatio(sums.numerators, sums.denominators);
        out.push_back(withInterval(metric("nll", lane, "nats/token", nll / count, int(rows.size())), interval));
        Metric ppl = metric("perplexity", lane, "", std::exp(nll / count), int(rows.size()));
        if (interval) { // exp is monotonic: the quantiles go along
            ppl.low = std::exp(interval.value().low);
            ppl.high = std::exp(interval.value().high);
        }
        out.push_back(ppl);
    }
    const Sums &a = lanes["A"], &b = lanes["B"];
    if (!a.numerators.empty() && a.numerators.size() == b.numerators.size()) {
        const double difference =
            total(b.numerators) / total(b.denominators) - total(a.numerators) / total(a.denominators);
        out.push_back(
            withInterval(metric("nll", "B-A", "nats/token", difference, int(a.numerators.size())),
                         bootstrapRatioDifference(b.numerators, b.denominators, a.numerators, a.denominators)));
    }
    return out;
}

std::vector<Metric> fillIn(const ExperimentData& experiment)
{
    Values kl;
    for (const json& row : experiment.rows)
        kl.push_back(row.at("kl"));
    if (kl.empty())
        return {};
    return {withInterval(metric("kl_fill_in", "B-A", "nats/token", mean(kl), int(kl.size())), bootstrapMean(kl))};
}

} // namespace ls::metrics
