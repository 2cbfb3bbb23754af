#include "core/store/session_file.h"

#include "core/store/column.h"
#include "core/store/loader.h"
#include "core/store/migrate.h"
#include "core/store/records.h"
#include "core/store/store_error.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ls::store {

namespace fs = std::filesystem;

namespace {

constexpr int kBusyMs = 2000;

using DatabasePtr = std::unique_ptr<SQLite::Database>;

/// Absolute, because SQLite gives names like "file:x" and ":memory:" a meaning.
std::string absolute(const std::string& path)
{
    std::error_code ignored;
    return fs::absolute(path, ignored).string();
}

void removeSideFiles(const std::string& path)
{
    for (const char* suffix : {"-wal", "-shm", "-journal"})
        ::unlink((path + suffix).c_str());
}

void removeDatabase(const std::string& path)
{
    removeSideFiles(path);
    ::unlink(path.c_str());
}

DatabasePtr connect(const std::string& path, int flags)
{
    auto database = std::make_unique<SQLite::Database>(absolute(path), flags, kBusyMs);
    // A session may come from someone else: its schema gets no rights.
    sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return database;
}

void prepareForWriting(SQLite::Database& database)
{
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = NORMAL");
    database.exec("PRAGMA wal_autocheckpoint = 0"); // WriteQueue chooses the moment
}

template <typename Function>
auto guarded(const std::string& path, sqlite3* handle, Function function) -> decltype(function())
{
    errno = 0; // without a handle it tells what the system said
    try {
        return function();
    } catch (const SQLite::Exception& exception) {
        return storeError(exception, handle ? sqlite3_system_errno(handle) : errno, path);
    }
}

Error damaged(const std::string& path, std::string detail)
{
    return {Errc::SessionDamaged, fmt::format("{} is damaged or no session file.", path),
            "Restore it from a copy. It was not changed.", std::move(detail)};
}

/// What can be said before SQLite touches the file.
Status checkHeader(const std::string& path)
{
    std::error_code problem;
    if (!fs::exists(path, problem))
        return Error{Errc::FileNotFound, fmt::format("{} does not exist.", path), "Check the path.", problem.message()};
    if (fs::is_directory(path, problem))
        return Error{Errc::FileNotFound, fmt::format("{} is a folder.", path), "Choose a .lsdb file.", {}};
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Error{Errc::FileNotFound, fmt::format("{} cannot be read.", path), "Check its permissions.", {}};
    char magic[16] = {};
    file.read(magic, sizeof(magic));
    if (std::string_view(magic, sizeof(magic)) != std::string_view("SQLite format 3\0", 16))
        return damaged(path, "it is no SQLite database");
    return success();
}

/// Without comments, and every run of white space as one space.
std::string plainSql(const std::string& sql)
{
    std::string out;
    for (std::size_t i = 0; i < sql.size(); ++i) {
        if (sql.compare(i, 2, "--") == 0)
            i = std::min(sql.find('\n', i), sql.size() - 1);
        const bool space = std::isspace(static_cast<unsigned char>(sql[i])) != 0;
        if (!space)
            out += sql[i];
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    return out;
}

std::vector<std::string> schemaOf(SQLite::Database& database)
{
    std::vector<std::string> out;
    SQLite::Statement q(database,
                        "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' "
                        "ESCAPE '!' ORDER BY type, name");
    while (q.executeStep())
        out.push_back(q.getColumn(0).getString() + ' ' + q.getColumn(1).getString() + ' ' +
                      plainSql(q.getColumn(2).getString()));
    return out;
}

/// A view in place of a table, a generated column, a trigger: SQL of a stranger that would run when the session is
/// read. Only what the migrations made is let in.
Status checkSchema(SQLite::Database& database, const std::string& path)
{
    const int version = std::max(0, database.execAndGet("PRAGMA user_version").getInt());
    SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    LS_CHECK(migrate(memory, migrations().first(std::size_t(version))));
    return schemaOf(database) == schemaOf(memory) ? success() : damaged(path, "its tables are not those of a session");
}

Status checkContents(SQLite::Database& database, const std::string& path)
{
    if (database.execAndGet("PRAGMA application_id").getInt() != kApplicationId)
        return damaged(path, "it is a database of another program");
    if (database.execAndGet("PRAGMA user_version").getInt() > int(migrations().size()))
        return migrate(database, migrations()); // says why
    LS_CHECK(checkSchema(database, path));      // before anything below runs what the file says
    const std::string verdict = database.execAndGet("PRAGMA quick_check(1)").getString();
    return verdict == "ok" ? success() : damaged(path, verdict);
}

/// A database in WAL mode cannot be read from a folder where nothing may be written: it is read from a copy.
class TemporaryCopy {
public:
    explicit TemporaryCopy(const std::string& path)
    {
        std::error_code problem;
        std::string name = (fs::temp_directory_path(problem) / "layerscope-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            return;
        m_folder = name;
        m_file = name + "/session.lsdb";
        for (const char* suffix : {"", "-wal"})
            fs::copy_file(path + suffix, m_file + suffix, problem);
    }
    ~TemporaryCopy()
    {
        std::error_code ignored;
        if (!m_folder.empty())
            fs::remove_all(m_folder, ignored);
    }
    TemporaryCopy(const TemporaryCopy&) = delete;
    TemporaryCopy& operator=(const TemporaryCopy&) = delete;
    const std::string& file() const { return m_file; }

private:
    std::string m_folder, m_file;
};

Result<SessionState> readThrough(const std::string& file, const std::string& shown, int flags)
{
    DatabasePtr database;
    return guarded(shown, nullptr, [&]() -> Result<SessionState> {
        database = connect(file, flags);
        LS_CHECK(checkContents(*database, shown));
        if (database->execAndGet("PRAGMA user_version").getInt() == int(migrations().size()))
            return load(*database);
        SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        SQLite::Backup(memory, *database).executeStep(-1);
        LS_CHECK(migrate(memory, migrations()));
        return load(memory);
    });
}

void writeAll(Records& to, const SessionState& state)
{
    to.session(state.createdAt);
    for (std::size_t i = 0; i < state.models.size(); ++i)
        to.model(std::int64_t(i) + 1, state.models[i]);
    for (const auto& [key, value] : state.properties)
        to.property(key, value);
    for (const auto& run : state.runs) {
        to.run(headOf(run->data, run->modelId));
        for (std::size_t i = 0; i < run->laneIds.size(); ++i) {
            to.lane(headOf(run->data.lanes[i], run->laneIds[i], run->data.id));
            to.laneContents(run->data.id, run->laneIds[i], run->data.lanes[i]);
        }
        for (const ToggleData& toggle : run->data.toggles)
            to.toggle(run->data.id, toggle);
    }
    for (const auto& experiment : state.experiments) {
        const ExperimentData& data = experiment->data;
        to.experiment(headOf(data), data.kind, experiment->modelId, data.params, data.startedAt);
        for (std::size_t i = 0; i < data.rows.size(); ++i)
            to.row(data.id, std::int64_t(i), data.rows[i]);
    }
    for (const StoredMetric& metric : state.metrics)
        to.metric(metric.id, metric.runId, metric.metric);
    for (const SessionEvent& event : state.events)
        to.event(event);
    for (const StoredNote& note : state.notes)
        to.note(note.createdAt, note.text);
    for (const Artefact& artefact : state.artefacts)
        to.artefact(artefact);
}

Result<SessionState> readForWriting(SessionFile& file, const std::string& path)
{
    file.database = connect(path, SQLite::OPEN_READWRITE);
    LS_CHECK(checkContents(*file.database, path));
    LS_CHECK(migrate(*file.database, migrations()));
    auto state = load(*file.database);
    if (state)
        prepareForWriting(*file.database);
    return state;
}

Status checkFolder(const std::string& path)
{
    const fs::path folder = fs::path(absolute(path)).parent_path();
    std::error_code problem;
    if (fs::is_directory(folder, problem))
        return success();
    return Error{Errc::FileNotWritable, fmt::format("The folder {} does not exist.", folder.string()),
                 "Create it, or choose another one.", problem.message()};
}

} // namespace

SessionFile::SessionFile() = default;
SessionFile::SessionFile(SessionFile&&) noexcept = default;
SessionFile& SessionFile::operator=(SessionFile&&) noexcept = default;
SessionFile::~SessionFile() = default;

Result<SessionFile> createFile(const std::string& path)
{
    LS_CHECK(checkFolder(path));
    std::error_code ignored;
    if (fs::exists(path, ignored))
        return Error{
            Errc::FileNotWritable, fmt::format("{} exists already.", path), "Choose another name, or open it.", {}};
    SessionState empty;
    empty.createdAt = utcNow();
    return writeFile(path, empty);
}

Result<SessionFile> writeFile(const std::string& path, const SessionState& state)
{
    LS_CHECK(checkFolder(path));
    std::error_code problem;
    if (fs::is_directory(path, problem))
        return Error{Errc::FileNotWritable, fmt::format("{} is a folder.", path), "Choose a file name.", {}};
    SessionFile file;
    LS_TRY(file.lock, SessionLock::acquire(path));
    const std::string part = path + ".part";
    removeDatabase(part);
    auto status = guarded(path, nullptr, [&]() -> Status {
        const auto database = connect(part, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        return guarded(path, database->getHandle(), [&]() -> Status {
            LS_CHECK(migrate(*database, migrations()));
            Records records(*database);
            SQLite::Transaction transaction(*database);
            writeAll(records, state);
            transaction.commit();
            return success();
        });
    });
    if (!status) {
        removeDatabase(part);
        return status.error();
    }
    removeSideFiles(path); // the log of what stood there would be played into the new file
    if (std::rename(part.c_str(), path.c_str()) != 0)
        return fileError(errno, path);
    LS_CHECK(guarded(path, nullptr, [&]() -> Status {
        file.database = connect(path, SQLite::OPEN_READWRITE);
        prepareForWriting(*file.database);
        return success();
    }));
    return file;
}

Result<std::pair<SessionFile, SessionState>> openFile(const std::string& path)
{
    LS_CHECK(checkHeader(path));
    if (::access(path.c_str(), W_OK) != 0)
        return Error{Errc::FileNotWritable,
                     fmt::format("{} cannot be written.", path),
                     "Open it read-only, or change its permissions.",
                     {}};
    SessionFile file;
    LS_TRY(file.lock, SessionLock::acquire(path));
    LS_TRY(SessionState state, guarded(path, nullptr, [&] { return readForWriting(file, path); }));
    return std::pair(std::move(file), std::move(state));
}

Result<SessionState> readFile(const std::string& path)
{
    LS_CHECK(checkHeader(path));
    auto direct = readThrough(path, path, SQLite::OPEN_READONLY);
    if (direct || !mayPass(direct.error()))
        return direct;
    const TemporaryCopy copy(path);
    return readThrough(copy.file(), path, SQLite::OPEN_READWRITE);
}

} // namespace ls::store
