#pragma once

#include "core/error.h"

namespace SQLite {
class Exception;
}

namespace ls::store {

/// For a failed system call on a session file. DiskFull (no space, quota, size limit), else FileNotWritable.
Error fileError(int systemError, const std::string& path);
/// For an exception of SQLite. DiskFull, FileNotWritable, SessionDamaged, SessionLocked; Internal for our own mistakes.
/// systemError: errno of the failed call (sqlite3_system_errno), 0 = none.
Error storeError(const SQLite::Exception& exception, int systemError, const std::string& path);
/// True for what may pass by itself or by the user's help (space, permission, lock): trying again makes sense.
bool mayPass(const Error& error);

} // namespace ls::store
