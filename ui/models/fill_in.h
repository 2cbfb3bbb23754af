#pragma once

#include "core/session/session.h"

namespace ls {

/// Params of `fill_in` for the run: lane B's reply through A and, with the methods B ended with, through B. Null if the
/// run has no reply of a lane B.
nlohmann::json fillInParams(const RunData& run);
/// The newest `fill_in` of exactly this run's reply, finished or not; null if there is none.
ExperimentData* fillInOf(Session& session, const RunData& run);

} // namespace ls
