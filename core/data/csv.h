#pragma once

#include "core/error.h"

#include <string>
#include <string_view>
#include <vector>

/// CSV as RFC 4180 has it: quoted fields may hold separators, line breaks and doubled quotes. Lines end in LF or CRLF;
/// a byte order mark is dropped.
namespace ls {

struct CsvOptions {
    bool header = true;
    char separator = ',';
};

struct CsvTable {
    std::vector<std::string> header; ///< empty without one
    std::vector<std::vector<std::string>> rows;

    /// Error: DataColumns with the columns that were found.
    Result<std::size_t> column(std::string_view name) const;
};

/// Empty lines are skipped. Errors: FileFormat (a quote that never ends; text after a closing quote), DataColumns (a
/// row of another width than the first one), both with the line.
Result<CsvTable> parseCsv(std::string_view text, const CsvOptions& options = {});
/// Also: FileNotFound.
Result<CsvTable> readCsv(const std::string& path, const CsvOptions& options = {});

} // namespace ls
