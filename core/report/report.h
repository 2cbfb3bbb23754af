#pragma once

#include "core/session/session.h"

#include <variant>

/// What a session says on paper. One document model, three writers, so that all formats hold the same numbers. Numbers
/// in files have a dot and every digit; on the page they are shortened.
namespace ls {

namespace report {

struct Cell {
    std::string text;             ///< as shown; made from `number` when that is there
    std::optional<double> number; ///< exact, for CSV; NaN is written as an empty cell
    Cell(std::string words = {})
        : text(std::move(words))
    {
    }
    Cell(const char* words)
        : text(words)
    {
    }
    Cell(double value);
};

struct Paragraph {
    std::string text;
};
struct Table {
    std::string id; ///< name of its CSV file, "speed"
    std::string title;
    std::vector<std::string> columns; ///< with units
    std::vector<std::vector<Cell>> rows;
};
struct Figure {
    std::string title;
    std::string svg;
    std::string caption;
};
struct TokenText { ///< a lane's text; `mark`: from this token on it differs from lane A
    std::string title;
    std::vector<std::string> tokens;
    std::vector<bool> prompt; ///< per token
    std::optional<int> mark;
};
using Block = std::variant<Paragraph, Table, Figure, TokenText>;
struct Section {
    std::string title;
    std::vector<Block> blocks;
};
struct Document {
    std::string title;
    std::vector<Section> sections; ///< those that have something to say
};
struct CsvFile {
    std::string name; ///< "speed.csv"
    std::string content;
};

} // namespace report

/// Of the newest run that has tokens, and everything of the session as a whole. `session` is only read.
report::Document buildReport(Session& session);

std::string toHtml(const report::Document& document); ///< self-contained, no script
std::string toMarkdown(const report::Document& document);
std::vector<report::CsvFile> toCsv(const report::Document& document); ///< RFC 4180, one per table

/// By the ending of `path`: .html, .md, or .csv (then `path` without the ending is a folder with one file a table).
/// Errors: InvalidParameter (another ending), FileNotWritable, DiskFull.
Status writeReport(const std::string& path, const report::Document& document);

} // namespace ls
