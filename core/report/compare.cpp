#include "core/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ls {

namespace {

double noiseOf(const RunData& run)
{
    return run.model.dtype == "float32" ? 1e-4 : 2e-2;
}

/// Largest difference relative to the largest entry; NaN equals NaN. Infinity for other lengths.
double rowDistance(const std::vector<float>& a, const std::vector<float>& b)
{
    if (a.size() != b.size())
        return INFINITY;
    double largest = 0, distance = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i]))
            continue;
        if (!std::isfinite(a[i]) || !std::isfinite(b[i]))
            return INFINITY;
        largest = std::max(largest, double(std::abs(a[i])));
        distance = std::max(distance, std::abs(double(a[i]) - b[i]));
    }
    return distance == 0 ? 0 : largest > 0 ? distance / largest : INFINITY;
}

Comparison judged(std::string what, double distance, double noise, std::string detail)
{
    const Verdict verdict = distance == 0       ? Verdict::Equal
                            : distance <= noise ? Verdict::WithinNoise
                                                : Verdict::Different;
    return {std::move(what), verdict, verdict == Verdict::Equal ? std::string() : std::move(detail)};
}

/// How many leading positions the two lanes can be compared on, and what was said about it.
std::size_t compareTokens(const LaneData& a, const LaneData& b, std::size_t limit, const std::string& name,
                          std::vector<Comparison>& out)
{
    const std::size_t n = std::min({a.tokens.size(), b.tokens.size(), limit});
    std::size_t same = 0;
    while (same < n && a.tokens[same].id == b.tokens[same].id)
        ++same;
    if (same < n)
        out.push_back({name + ": tokens", Verdict::Different,
                       fmt::format("first other token at {}: \"{}\", now \"{}\"", same, a.tokens[same].text,
                                   b.tokens[same].text)});
    else if (std::min(a.tokens.size(), limit) != std::min(b.tokens.size(), limit))
        out.push_back({name + ": tokens", Verdict::Different,
                       fmt::format("{} tokens, now {}", a.tokens.size(), b.tokens.size())});
    else
        out.push_back({name + ": tokens", Verdict::Equal, {}});
    return same;
}

void compareLane(const LaneData& a, const LaneData& b, std::size_t limit, double noise, const std::string& name,
                 std::vector<Comparison>& out)
{
    const std::size_t n = compareTokens(a, b, limit, name, out);
    if (n == 0) // nothing in common: no number below would say anything
        return;
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) // absolute: a log-probability near 0 has no scale of its own
        worst = std::max(worst, std::abs(double(a.tokens[i].logprob) - b.tokens[i].logprob));
    out.push_back(judged(name + ": log-probabilities", worst, 10 * noise, fmt::format("up to {:.2g} nats", worst)));
    for (const auto& [output, values] : a.taps) {
        double distance = 0;
        int missing = 0;
        for (const auto& [position, tap] : values) {
            if (position < 0 || std::size_t(position) >= n)
                continue;
            if (const TapValue* other = b.tap(output, position))
                distance =
                    std::max(distance, tap.value.dtype == "f32" ? rowDistance(tap.value.floats(), other->value.floats())
                                                                : (tap.value == other->value ? 0.0 : noise));
            else
                ++missing;
        }
        if (missing > 0)
            out.push_back({name + ": " + output, Verdict::Different, fmt::format("missing at {} positions", missing)});
        else
            out.push_back(judged(name + ": " + output, distance, noise,
                                 fmt::format("up to {:.2g} of the row's largest entry", distance)));
    }
}

bool isTiming(const Metric& metric)
{
    return metric.unit == "tok/s" || metric.unit == "us" || metric.unit == "bytes" || metric.unit == "x";
}

Comparison compareMetric(const Metric& a, const Metric& b)
{
    const std::string what = fmt::format("{} {} [{}]", a.name, a.lane, a.unit);
    const std::string detail = fmt::format("{:.6g}, now {:.6g}", a.value, b.value);
    if (a.value == b.value)
        return {what, Verdict::Equal, {}};
    const double scale = std::max(std::abs(a.value), std::abs(b.value));
    bool near = std::abs(a.value - b.value) <= 1e-4 * scale;
    if (isTiming(a) && !near) {
        if (!(a.low && a.high && b.low && b.high))
            return {what, Verdict::NotCompared, detail + "; single measurements, no interval"};
        near = *a.low <= *b.high && *b.low <= *a.high;
    }
    return {what, near ? Verdict::WithinNoise : Verdict::Different, detail};
}

} // namespace

std::string_view verdictName(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Equal:
        return "equal";
    case Verdict::WithinNoise:
        return "within noise";
    case Verdict::NotCompared:
        return "not compared";
    case Verdict::Different:
        break;
    }
    return "different";
}

std::vector<Comparison> compareRuns(const RunData& before, const RunData& after)
{
    std::vector<Comparison> out;
    for (const LaneData& lane : before.lanes) {
        const std::string name = fmt::format("run {} lane {}", before.id, lane.name);
        std::size_t limit = SIZE_MAX;
        for (const ToggleData& toggle : before.toggles)
            if (toggle.position >= 0 && (toggle.lane == lane.name || toggle.forkLane == lane.name))
                limit = std::min(limit, std::size_t(toggle.position));
        if (const LaneData* other = after.lane(lane.name))
            compareLane(lane, *other, limit, noiseOf(before), name, out);
        else if (limit == SIZE_MAX)
            out.push_back({name, Verdict::Different, "the lane is missing now"});
        if (limit != SIZE_MAX)
            out.push_back({fmt::format("{}: from token {} on not compared", name, limit), Verdict::NotCompared,
                           "methods were switched by hand there"});
    }
    return out;
}

std::vector<Comparison> compareMetrics(const std::vector<Metric>& before, const std::vector<Metric>& after)
{
    std::vector<Comparison> out;
    for (const Metric& metric : before) {
        const auto same = std::find_if(after.begin(), after.end(), [&](const Metric& other) {
            return other.name == metric.name && other.lane == metric.lane && other.specHash == metric.specHash;
        });
        if (same == after.end())
            out.push_back({fmt::format("{} {}", metric.name, metric.lane), Verdict::Different, "missing now"});
        else
            out.push_back(compareMetric(metric, *same));
    }
    return out;
}

} // namespace ls
