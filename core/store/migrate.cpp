#include "core/store/migrate.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

namespace ls::store {

std::span<const EmbeddedFile> migrations()
{
    return embedded::schema_migration_files();
}

Status migrate(SQLite::Database& database, std::span<const EmbeddedFile> files)
{
    const int found = database.execAndGet("PRAGMA user_version").getInt();
    const int last = int(files.size());
    if (found > last)
        return Error{
            Errc::SessionNewer,
            fmt::format("The session was saved by a newer version (schema {}); this one reads up to {}.", found, last),
            "Update Layerscope to open it. The file was not changed.", database.getFilename()};
    for (int version = found + 1; version <= last; ++version) {
        SQLite::Transaction transaction(database);
        database.exec(std::string(files[std::size_t(version) - 1].bytes));
        database.exec(fmt::format("PRAGMA user_version = {}", version));
        transaction.commit();
    }
    return success();
}

} // namespace ls::store
