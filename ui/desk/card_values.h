#pragma once

#include "ui/desk/cost_line.h"
#include "ui/shell/workbench.h"

#include <QString>

/// What a card says about the run in view and about finished measurements, read from the session only.
namespace ls::cards {

/// "on since token 37 · prefix recomputed in 188 ms"; empty if the run in view does not have the card.
QString log(const RunData* run, const Desk& desk, int card);
/// Newest leave-one-out measurement of the card; stale when the stack has changed since.
Costs measured(const Workbench& workbench, int card);
/// Lane B against A: live numbers of the run in view, accuracy of the last run with the same stack.
Costs wholeStack(const Workbench& workbench);
/// Id of a running measurement of this card, or null.
ExperimentData* measuring(const Workbench& workbench, int card);
/// Parameters of the experiment `measure_cost` for one card: text for the KL, items as in `accuracy`.
nlohmann::json measureParams(const Workbench& workbench, int card, const std::string& text,
                             const nlohmann::json& items);

} // namespace ls::cards
