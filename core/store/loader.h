#pragma once

#include "core/store/session_state.h"

namespace SQLite {
class Database;
}

namespace ls::store {

/// Reads a whole session in one read transaction. What was running is marked "interrupted".
/// Errors: SessionDamaged with what does not fit. Throws SQLite::Exception.
Result<SessionState> load(SQLite::Database& database);

} // namespace ls::store
