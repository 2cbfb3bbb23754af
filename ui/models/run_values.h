#pragma once

#include "core/session/run_data.h"

#include <QString>

#include <vector>

/// What views draw, read from a run: one place for every number, so that panels, tints and tables agree.
namespace ls::values {

/// The floats of a tap; empty if there is none.
std::vector<float> tap(const LaneData& lane, const std::string& output, int position);
/// kind: logprob | entropy (nats) | contextualisation (mean over blocks, or one block) | safety (train sd, last
/// block or one block) | kl (nats). block: 0-based, -1 = none. NaN where the model gave no value.
double ofToken(const LaneData& lane, const QString& kind, int position, int block);
/// Over the steps that all lanes of the run made since the last switch, so that lanes can be compared. NaN before the
/// first.
double tokensPerSecond(const RunData& run, const LaneData& lane);
/// What a rate is over, for a tooltip.
QString rateNote(const RunData& run);
/// The position views show: the selected one, or the newest that has the output.
int shownPosition(const LaneData& lane, const std::string& output, int selected);

} // namespace ls::values
