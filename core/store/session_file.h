#pragma once

#include "core/store/session_lock.h"
#include "core/store/session_state.h"

namespace SQLite {
class Database;
}

/// Opening and creating .lsdb files. No exception leaves these functions.
namespace ls::store {

/// An open file that is ours to write.
struct SessionFile {
    SessionFile();
    SessionFile(SessionFile&&) noexcept;
    SessionFile& operator=(SessionFile&&) noexcept;
    ~SessionFile();
    SessionLock lock; ///< first: given back after the database is closed
    std::unique_ptr<SQLite::Database> database;
};

/// A new file with the newest schema, in WAL mode. Errors: FileNotWritable (also: exists already), DiskFull,
/// SessionLocked. Nothing is left behind after an error.
Result<SessionFile> createFile(const std::string& path);
/// Writes a whole session to `path`: beside it first, then in its place, so that an existing file is replaced only by a
/// whole one. Errors as createFile, but a file that exists is replaced.
Result<SessionFile> writeFile(const std::string& path, const SessionState& state);
/// Opens for writing and reads everything. A file that is refused is not changed. Errors: FileNotFound,
/// SessionDamaged, SessionNewer, SessionLocked, FileNotWritable.
Result<std::pair<SessionFile, SessionState>> openFile(const std::string& path);
/// Reads everything without a lock and without changing the file, also beside a program that writes it.
/// Errors: FileNotFound, SessionDamaged, SessionNewer.
Result<SessionState> readFile(const std::string& path);

} // namespace ls::store
