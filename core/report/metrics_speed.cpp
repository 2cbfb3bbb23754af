#include "core/report/metric_parts.h"

#include "core/stats/bootstrap.h"
#include "core/stats/hypothesis.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace ls::metrics {

using nlohmann::json;

static constexpr const char* kChange = "with-without"; // the lane of a difference

std::vector<Metric> bench(const ExperimentData& experiment)
{
    std::map<std::string, std::map<std::string, std::map<int, double>>> seconds; // test -> lane -> repetition
    std::map<std::string, double> tokens;
    for (const json& row : experiment.rows) {
        seconds[row.at("test")][row.at("lane")][row.at("repetition")] = row.at("seconds");
        tokens[row.at("test")] = row.at("tokens");
    }
    std::vector<Metric> out;
    for (auto& [test, lanes] : seconds) {
        std::map<std::string, Values> times;
        for (const auto& [lane, repetitions] : lanes) {
            Values& of = times[lane];
            for (const auto& [repetition, value] : repetitions)
                of.push_back(value);
            if (mean(of) <= 0)
                continue;
            const Values done(of.size(), tokens[test]);
            out.push_back(withInterval(metric("rate/" + test, lane, "tok/s", tokens[test] / mean(of), int(of.size())),
                                       bootstrapRatio(done, of)));
        }
        const Values &a = times["A"], &b = times["B"];
        if (!a.empty() && a.size() == b.size() && mean(b) > 0)
            out.push_back(withInterval(metric("speed_ratio/" + test, "B-A", "x", mean(a) / mean(b), int(a.size())),
                                       bootstrapRatio(a, b)));
    }
    return out;
}

/// Seconds per token: rates are compared by their mean times, as everywhere.
static Values times(const Values& rates)
{
    Values out;
    for (const double rate : rates)
        out.push_back(1 / rate);
    return out;
}

/// What a card's cost line shows: with the card against without it, repetition by repetition and item by item.
static void costOfCard(const Values& with, const Values& without, const Values& rightWith, const Values& rightWithout,
                       std::vector<Metric>& out)
{
    const int n = int(with.size());
    const auto measured = [](const Values& rates) {
        return std::all_of(rates.begin(), rates.end(), [](double r) { return r > 0; });
    };
    if (n > 0 && with.size() == without.size() && measured(with) && measured(without)) {
        const Values timeWith = times(with), timeWithout = times(without);
        auto change = bootstrapRatio(timeWithout, timeWith);
        if (change)
            change =
                Estimate{change.value().value - 1, change.value().low - 1, change.value().high - 1, change.value().n};
        out.push_back(withInterval(metric("cost/rate", kChange, "%", 100 * (mean(timeWithout) / mean(timeWith) - 1), n),
                                   change, 100));
    }
    const int items = int(rightWith.size());
    if (items > 0 && rightWith.size() == rightWithout.size())
        out.push_back(withInterval(
            metric("cost/accuracy", kChange, "points", 100 * (mean(rightWith) - mean(rightWithout)), items),
            bootstrapPairedDifference(rightWithout, rightWith), 100));
}

std::vector<Metric> cost(const ExperimentData& experiment)
{
    std::map<std::string, Values> rate, correct;
    std::map<std::string, double> memory;
    Values kl;
    for (const json& row : experiment.rows) {
        const std::string what = row.at("what");
        if (what == "tok_s")
            rate[row.at("lane")].push_back(row.at("value"));
        else if (what == "accuracy")
            correct[row.at("lane")].push_back(row.at("correct").get<bool>());
        else if (what == "memory")
            memory[row.at("lane")] = row.at("bytes");
        else if (what == "kl")
            kl.push_back(row.at("value"));
    }
    std::vector<Metric> out;
    for (const auto& [lane, values] : rate) {
        const Values each = times(values), ones(values.size(), 1.0);
        out.push_back(withInterval(metric("cost/rate", lane, "tok/s", 1 / mean(each), int(values.size())),
                                   bootstrapRatio(ones, each)));
    }
    for (const auto& [lane, values] : correct) {
        const int n = int(values.size()), right = int(std::lround(mean(values) * n));
        out.push_back(withInterval(metric("cost/accuracy", lane, "%", 100.0 * right / n, n), wilson(right, n), 100));
    }
    for (const auto& [lane, bytes] : memory)
        out.push_back(metric("cost/memory", lane, "bytes", bytes, 1));
    costOfCard(rate["with"], rate["without"], correct["with"], correct["without"], out);
    if (memory.contains("with") && memory.contains("without"))
        out.push_back(metric("cost/memory", kChange, "bytes", memory["with"] - memory["without"], 1));
    if (!kl.empty())
        out.push_back(withInterval(metric("cost/kl", "", "nats/token", mean(kl), int(kl.size())), bootstrapMean(kl)));
    return out;
}

} // namespace ls::metrics
