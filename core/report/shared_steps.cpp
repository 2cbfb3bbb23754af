#include "core/report/shared_steps.h"

#include <algorithm>
#include <numeric>

namespace ls {

namespace {

/// Steps of each lane from a position on; lanes without any are not counted, 0 if there are none at all.
int fewest(const RunData& run, int first)
{
    int count = 0;
    for (const LaneData& lane : run.lanes)
        if (const int steps = int(lane.tokens.size()) - std::max(first, lane.promptTokens() + 1); steps > 0)
            count = count == 0 ? steps : std::min(count, steps);
    return count;
}

} // namespace

int lastSwitch(const RunData& run, const std::string& lane)
{
    int position = 0;
    for (const ToggleData& toggle : run.toggles)
        if (toggle.lane == lane)
            position = std::max(position, toggle.position);
    return position;
}

SharedSteps sharedSteps(const RunData& run)
{
    int start = 0;
    for (const LaneData& lane : run.lanes)
        if (!lane.tokens.empty())
            start = std::max(start, lane.promptTokens() + 1);
    std::vector<int> firsts{start};
    for (const ToggleData& toggle : run.toggles)
        firsts.push_back(std::max(start, toggle.position));
    std::sort(firsts.rbegin(), firsts.rend());
    const auto reached = [&](int first) { // by every lane that decodes at all
        return std::all_of(run.lanes.begin(), run.lanes.end(), [&](const LaneData& lane) {
            return int(lane.tokens.size()) <= start || int(lane.tokens.size()) > first;
        });
    };
    for (const int first : firsts)
        if (reached(first))
            return {first, fewest(run, first)};
    return {start, 0};
}

std::vector<double> stepTimes(const LaneData& lane, const SharedSteps& steps)
{
    std::vector<double> us;
    const int end = std::min(int(lane.tokens.size()), steps.first + steps.count);
    for (int i = std::max(steps.first, 0); i < end; ++i)
        us.push_back(double(lane.tokens[std::size_t(i)].stepUs));
    return us;
}

std::optional<double> decodeRate(const RunData& run, const LaneData& lane)
{
    const auto times = stepTimes(lane, sharedSteps(run));
    if (const double us = std::accumulate(times.begin(), times.end(), 0.0); us > 0)
        return double(times.size()) * 1e6 / us;
    if (lane.tokensPerSecond > 0)
        return lane.tokensPerSecond;
    return std::nullopt;
}

} // namespace ls
