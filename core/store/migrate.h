#pragma once

#include "core/embedded.h"
#include "core/error.h"

namespace SQLite {
class Database;
}

/// Schema versions of the session file: PRAGMA user_version = number of migrations applied.
namespace ls::store {

inline constexpr int kApplicationId = 0x4c534442; ///< "LSDB"

/// The migrations of this program, in order: NNNN_what.sql, NNNN = version after it.
std::span<const EmbeddedFile> migrations();
/// Applies those above the file's version, each in a transaction of its own together with its number: a failed one
/// leaves the version before it. Errors: SessionNewer when the file is above the last. Throws SQLite::Exception.
Status migrate(SQLite::Database& database, std::span<const EmbeddedFile> files);

} // namespace ls::store
