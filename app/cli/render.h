#pragma once

#include "core/session/session.h"

/// Files made from a session.
namespace ls::cli {

/// Writes DIR/report.html, DIR/tables/ (a CSV a table) and DIR/<name of the session>.csv (all numbers), and has the
/// desktop program write report.pdf and pictures offscreen where it is beside this program. The paths written. Errors:
/// FileNotWritable; what the desktop program said when it failed.
Result<std::vector<std::string>> writeReport(Session& session, const std::string& dir);

} // namespace ls::cli
