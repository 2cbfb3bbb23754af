#pragma once

#include "core/session/session.h"

#include <set>
#include <variant>

/// What a session says on paper. One document model, one writer per format, so that all formats hold the same numbers.
/// Numbers in files have a dot and every digit; on the page they are shortened.
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
    Cell(std::string shown, double value)
        : text(std::move(shown))
        , number(value)
    {
    }
};

struct Paragraph {
    std::string text;
};
struct Table {
    std::string id; ///< name of its CSV file, "speed"
    std::string title;
    std::vector<std::string> columns; ///< with units
    std::vector<std::vector<Cell>> rows;
    bool fileOnly = false; ///< too long for a page: in CSV and JSON; pages name the file
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
    std::string id; ///< "speed": by it sections are chosen
    std::string title;
    std::vector<Block> blocks;
};
struct Absent { ///< a section that has nothing to say, and what would give it something
    std::string id, title, reason;
    std::size_t place = 0; ///< how many sections with something to say stand before it
};
struct Document {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts; ///< name, value: what stands on the first page
    std::vector<Section> sections;                          ///< those that have something to say
    std::vector<Absent> absent;
};
struct CsvFile {
    std::string name; ///< "speed.csv"
    std::string content;
};

/// The document without the sections whose ids are in `left`.
Document without(Document document, const std::set<std::string>& left);

} // namespace report

/// What a report is made from, copied out of the session, so that it can be made on another thread.
struct ReportInput {
    std::string name; ///< of the session's file
    std::string madeAt;
    std::optional<RunData> run;
    std::vector<ExperimentData> experiments;           ///< oldest first
    std::map<std::int64_t, std::vector<Metric>> known; ///< by experiment: experimentMetrics() of earlier reports
    std::vector<std::string> notes;
    nlohmann::json environment;
};

/// `runId` 0: the newest run that has tokens. `session` is only read.
ReportInput reportInput(Session& session, std::int64_t runId = 0);
report::Document buildReport(const ReportInput& input);
inline report::Document buildReport(Session& session)
{
    return buildReport(reportInput(session));
}

std::string toHtml(const report::Document& document); ///< self-contained, no script; follows the reader's dark mode
std::string toMarkdown(const report::Document& document);
std::vector<report::CsvFile> toCsv(const report::Document& document); ///< RFC 4180, one per table
std::string toJson(const report::Document& document);                 ///< facts, texts and tables; numbers are exact

/// By the ending of `path`: .html, .md, .json, or .csv (then `path` without the ending is a folder with one file a
/// table). A file is there whole or not at all. Errors: InvalidParameter (another ending), FileNotWritable, DiskFull.
Status writeReport(const std::string& path, const report::Document& document);

} // namespace ls
