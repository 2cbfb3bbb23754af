#include "core/data/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ls {

namespace {

class CsvReader {
public:
    CsvReader(std::string_view text, char separator)
        : m_text(text)
        , m_separator(separator)
    {
        if (m_text.starts_with("\xEF\xBB\xBF"))
            m_text.remove_prefix(3);
    }

    bool atEnd() const { return m_at >= m_text.size(); }
    int line() const { return m_line; }

    /// One record, which may span lines; empty for an empty line.
    Result<std::vector<std::string>> record()
    {
        std::vector<std::string> fields;
        if (endOfLine())
            return fields;
        for (;;) {
            LS_TRY(std::string field, atEnd() || m_text[m_at] != '"' ? plain() : quoted());
            fields.push_back(std::move(field));
            if (endOfLine())
                return fields;
            ++m_at; // the separator
        }
    }

private:
    /// Takes a line break; the end of the text counts as one.
    bool endOfLine()
    {
        if (atEnd())
            return true;
        if (m_text.substr(m_at, 2) == "\r\n")
            ++m_at;
        else if (m_text[m_at] != '\n')
            return false;
        ++m_at;
        ++m_line;
        return true;
    }

    Result<std::string> plain()
    {
        const std::size_t start = m_at;
        while (!atEnd() && m_text[m_at] != m_separator && m_text[m_at] != '\n' && m_text.substr(m_at, 2) != "\r\n")
            ++m_at;
        return std::string(m_text.substr(start, m_at - start));
    }

    Result<std::string> quoted()
    {
        const int firstLine = m_line;
        std::string field;
        for (++m_at; !atEnd(); ++m_at) {
            if (m_text[m_at] == '\n')
                ++m_line;
            if (m_text[m_at] != '"') {
                field += m_text[m_at];
            } else if (m_text.substr(m_at, 2) == "\"\"") {
                field += '"';
                ++m_at;
            } else {
                ++m_at;
                if (atEnd() || m_text[m_at] == m_separator || m_text[m_at] == '\n' || m_text.substr(m_at, 2) == "\r\n")
                    return field;
                return Error{Errc::FileFormat,
                             fmt::format("Line {}: text follows a closing quote.", m_line),
                             "Double the quotes inside a quoted field.",
                             {}};
            }
        }
        return Error{Errc::FileFormat,
                     fmt::format("The quote opened in line {} never ends.", firstLine),
                     "Close it, or double the quotes inside the field.",
                     {}};
    }

    std::string_view m_text;
    char m_separator;
    std::size_t m_at = 0;
    int m_line = 1;
};

} // namespace

Result<std::size_t> CsvTable::column(std::string_view name) const
{
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end())
        return std::size_t(found - header.begin());
    return Error{Errc::DataColumns,
                 fmt::format("There is no column \"{}\".", name),
                 header.empty() ? std::string("The file has no header line.")
                                : fmt::format("Columns found: {}.", fmt::join(header, ", ")),
                 {}};
}

Result<CsvTable> parseCsv(std::string_view text, const CsvOptions& options)
{
    CsvReader reader(text, options.separator);
    CsvTable table;
    std::size_t width = 0;
    while (!reader.atEnd()) {
        const int line = reader.line();
        LS_TRY(std::vector<std::string> fields, reader.record());
        if (fields.empty())
            continue;
        if (width != 0 && fields.size() != width)
            return Error{Errc::DataColumns,
                         fmt::format("Line {} has {} fields, the first line has {}.", line, fields.size(), width),
                         "Put fields that hold a separator into quotes.",
                         {}};
        const bool isHeader = options.header && width == 0;
        width = fields.size();
        if (isHeader)
            table.header = std::move(fields);
        else
            table.rows.push_back(std::move(fields));
    }
    return table;
}

Result<CsvTable> readCsv(const std::string& path, const CsvOptions& options)
{
    std::error_code ignored; // a path that cannot be looked at fails to open below
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path, ignored))
        return Error{Errc::FileNotFound, fmt::format("{} cannot be read.", path), "Choose an existing CSV file.",
                     errno ? std::strerror(errno) : ""};
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto table = parseCsv(text, options);
    if (table)
        return table;
    Error error = table.error();
    error.message = fmt::format("{}: {}", std::filesystem::path(path).filename().string(), error.message);
    error.detail = path;
    return error;
}

} // namespace ls
