#pragma once

#include "core/session/run_data.h"
#include "ui/shell/theme.h"

#include <QString>

#include <vector>

/// The timeline of a decode step: one bar a lane, from the engine's timers (core/stage_times.h).
namespace ls {

struct StageBar {
    QString lane;
    std::int64_t steps = 0;                  ///< the means are over these
    std::array<double, kStages.size()> ms{}; ///< in the order of kStages, per step
    double total = 0;                        ///< their sum, ms
    bool operator==(const StageBar&) const = default;
};

/// Of the lanes that made a decode step; empty for a run that was stored before there were timers.
std::vector<StageBar> stageBars(const RunData& run);
QString stageTitle(std::size_t stage); ///< "attention"
theme::Role stageRole(std::size_t stage);
/// Tokenising, prefill and first token, over how many steps the means are, what probes cost beside them.
QString stageNote(const RunData& run);
/// Everything per lane: decode in ms per token, the rest in ms.
QString stageTable(const RunData& run);

} // namespace ls
