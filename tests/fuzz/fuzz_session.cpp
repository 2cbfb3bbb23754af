#include "core/report/report.h"
#include "core/session/session.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/sample_session.h"

#include <sqlite3.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

using namespace ls;
using fuzz::require;

namespace {

namespace fs = std::filesystem;

/// Cells that a reader gives a meaning to.
constexpr std::array kCells{
    std::pair{"model", "json"},
    std::pair{"model", "id"},
    std::pair{"spec", "json"},
    std::pair{"run", "spec_hash"},
    std::pair{"run", "model_id"},
    std::pair{"run", "state"},
    std::pair{"run", "template_tokens"},
    std::pair{"run", "memory_json"},
    std::pair{"run", "failure_json"},
    std::pair{"lane", "run_id"},
    std::pair{"lane", "methods_json"},
    std::pair{"lane", "name"},
    std::pair{"lane", "divergence"},
    std::pair{"lane", "ttft_us"},
    std::pair{"token", "idx"},
    std::pair{"token", "token_id"},
    std::pair{"token", "text"},
    std::pair{"token", "top_json"},
    std::pair{"token", "logprob"},
    std::pair{"tap", "token_idx"},
    std::pair{"tap", "site"},
    std::pair{"tap", "dtype"},
    std::pair{"tap", "shape"},
    std::pair{"tap", "encoding"},
    std::pair{"tap", "blob"},
    std::pair{"tap", "texts_json"},
    std::pair{"metric", "value"},
    std::pair{"metric", "name"},
    std::pair{"event", "json"},
    std::pair{"event", "lane"},
    std::pair{"event", "token_idx"},
    std::pair{"experiment", "kind"},
    std::pair{"experiment", "params_json"},
    std::pair{"experiment", "done"},
    std::pair{"experiment", "result_json"},
    std::pair{"experiment", "failure_json"},
    std::pair{"row", "json"},
    std::pair{"row", "idx"},
    std::pair{"artefact", "meta_json"},
    std::pair{"artefact", "encoding"},
    std::pair{"artefact", "size_bytes"},
    std::pair{"artefact", "blob"},
    std::pair{"property", "json"},
    std::pair{"property", "key"},
    std::pair{"session", "created_at"},
};

/// A folder of this process; one session file in it.
struct Place {
    Place()
    {
        std::string name = (fs::temp_directory_path() / "layerscope-fuzz-XXXXXX").string();
        require(mkdtemp(name.data()) != nullptr);
        folder = name;
        good = folder / "good.lsdb";
        file = folder / "s.lsdb";
        auto session = Session::create(good.string());
        require(session.ok());
        fuzz::fillSession(*session.value());
        require(session.value()->flush().ok());
    }
    ~Place()
    {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
    fs::path folder, good, file;
};

/// Bytes that were no database: commands {cell, row, type, length, value} for a good session.
void change(const fs::path& file, std::string_view commands)
{
    sqlite3* database = nullptr;
    require(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
    sqlite3_exec(database, "PRAGMA synchronous = OFF; BEGIN", nullptr, nullptr, nullptr);
    while (commands.size() >= 4) {
        const auto& [table, column] = kCells[std::uint8_t(commands[0]) % kCells.size()];
        const int row = std::uint8_t(commands[1]) % 4, type = std::uint8_t(commands[2]) % 5;
        const std::size_t length = std::min<std::size_t>(std::uint8_t(commands[3]), commands.size() - 4);
        const std::string_view value = commands.substr(4, length);
        commands.remove_prefix(4 + length);
        // Tables without row ids: every row, or none
        const bool few = std::string_view(table) != "spec" && std::string_view(table) != "token" &&
                         std::string_view(table) != "row" && std::string_view(table) != "property";
        const std::string sql =
            std::string("UPDATE OR IGNORE ") + table + " SET " + column + " = ?" +
            (few ? " WHERE rowid % 4 = " + std::to_string(row) + " OR " + std::to_string(row) + " = 0" : "");
        sqlite3_stmt* statement = nullptr;
        require(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
        std::int64_t number = 0;
        std::memcpy(&number, value.data(), std::min(value.size(), sizeof number));
        double real = 0;
        std::memcpy(&real, &number, sizeof real);
        if (type == 0)
            sqlite3_bind_text(statement, 1, value.data(), int(value.size()), SQLITE_STATIC);
        else if (type == 1)
            sqlite3_bind_blob(statement, 1, value.data(), int(value.size()), SQLITE_STATIC);
        else if (type == 2)
            sqlite3_bind_int64(statement, 1, number);
        else if (type == 3)
            sqlite3_bind_double(statement, 1, real);
        sqlite3_step(statement);
        sqlite3_finalize(statement);
    }
    sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
    sqlite3_close(database);
}

/// Every word of a report comes from the session.
void makeReport(Session& session)
{
    const report::Document document = buildReport(session);
    require(!toHtml(document).empty());
    require(!toJson(document).empty());
    toMarkdown(document);
    toCsv(document);
}

} // namespace

/// A session file, or changes to the cells of a good one: an error in words, or a session of which a report can be
/// made; reading changes nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const Place place;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
        fs::remove(place.file.string() + suffix, ignored);
    if (input.starts_with("SQLite format 3")) {
        std::ofstream(place.file, std::ios::binary).write(input.data(), std::streamsize(size));
    } else {
        fs::copy_file(place.good, place.file);
        change(place.file, input);
    }
    for (const bool readOnly : {true, false}) {
        const auto session = Session::open(place.file.string(), readOnly);
        if (!session)
            fuzz::requireWords(session.error());
        else if (readOnly)
            makeReport(*session.value());
    }
    return 0;
}
