#include "core/report/metric_parts.h"
#include "core/report/metrics.h"
#include "core/report/shared_steps.h"

#include <cmath>

namespace ls {

using metrics::metric;
using metrics::Values;

std::vector<Metric> runMetrics(const RunData& run)
{
    std::vector<Metric> out;
    for (const LaneData& lane : run.lanes) {
        Values logprobs, kl;
        const int since = lastSwitch(run, lane.name); // KL of the methods the lane ends with
        for (std::size_t i = 0; i < lane.tokens.size(); ++i) {
            if (lane.tokens[i].origin != "generated")
                continue;
            logprobs.push_back(lane.tokens[i].logprob);
            if (int(i) < since || (lane.divergence && int(i) > *lane.divergence))
                continue;
            if (const TapValue* tap = lane.tap("kl", int(i)))
                for (const float value : tap->value.floats())
                    kl.push_back(value);
        }
        const int n = int(logprobs.size());
        const auto add = [&](Metric each, const char* origin) {
            each.origin = origin;
            each.specHash = specHash(lane.methods);
            out.push_back(std::move(each));
        };
        if (const auto rate = decodeRate(run, lane))
            add(metric("decode_rate", lane.name, "tok/s", *rate, std::max(1, sharedSteps(run).count)), "live");
        if (lane.ttftUs > 0)
            add(metric("ttft", lane.name, "us", double(lane.ttftUs), 1), "live");
        if (n > 0)
            add(metric("perplexity_reply", lane.name, "", std::exp(-mean(logprobs)), n), "captured");
        if (!kl.empty())
            add(metric("kl_live", lane.name + "-A", "nats/token", mean(kl), int(kl.size())), "captured");
    }
    return out;
}

void storeMetrics(Session& session, const RunData& run)
{
    for (const Metric& each : runMetrics(run))
        session.addMetric(each, run.id);
}

} // namespace ls
