#include "ui/models/run_values.h"

#include "core/report/shared_steps.h"

#include <QCoreApplication>

#include <limits>

namespace ls::values {

std::vector<float> tap(const LaneData& lane, const std::string& output, int position)
{
    const TapValue* value = lane.tap(output, position);
    return value ? value->value.floats() : std::vector<float>{};
}

double ofToken(const LaneData& lane, const QString& kind, int position, int block)
{
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    if (position < 0 || position >= int(lane.tokens.size()))
        return kNone;
    const TokenData& token = lane.tokens[std::size_t(position)];
    if (kind == QLatin1String("logprob"))
        return token.logprob;
    if (kind == QLatin1String("entropy"))
        return token.entropy;
    if (kind == QLatin1String("kl")) {
        const auto kl = tap(lane, "kl", position);
        return kl.empty() ? kNone : double(kl[0]);
    }
    const bool safety = kind == QLatin1String("safety");
    if (!safety && kind != QLatin1String("contextualisation"))
        return kNone;
    const auto values = tap(lane, safety ? "safety.score" : "contextualisation.c", position);
    if (values.empty())
        return kNone;
    if (block >= 0 && block + 1 < int(values.size())) // entry 0 is the embedding
        return values[std::size_t(block) + 1];
    if (safety)
        return values.back();
    double sum = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
        sum += values[i];
    return values.size() > 1 ? sum / double(values.size() - 1) : kNone;
}

double tokensPerSecond(const RunData& run, const LaneData& lane)
{
    return decodeRate(run, lane).value_or(std::numeric_limits<double>::quiet_NaN());
}

QString rateNote(const RunData& run)
{
    const SharedSteps steps = sharedSteps(run);
    return run.lanes.size() < 2
               ? QCoreApplication::translate("values", "Over %1 decode steps.").arg(steps.count)
               : QCoreApplication::translate("values", "Over the %1 decode steps that all lanes made from token %2 on.")
                     .arg(steps.count)
                     .arg(steps.first);
}

int shownPosition(const LaneData& lane, const std::string& output, int selected)
{
    const auto found = lane.taps.find(output);
    if (found == lane.taps.end() || found->second.empty())
        return -1;
    if (selected >= 0)
        return found->second.contains(selected) ? selected : -1;
    return found->second.rbegin()->first;
}

} // namespace ls::values
