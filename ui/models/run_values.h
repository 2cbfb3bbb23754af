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
/// The finished lane's rate, or generated tokens after the first over their own steps so far. NaN before the second.
double tokensPerSecond(const LaneData& lane);
/// The position views show: the selected one, or the newest that has the output.
int shownPosition(const LaneData& lane, const std::string& output, int selected);

} // namespace ls::values
