#include "core/data/whole_file.h"
#include "core/report/report.h"
#include "core/report/svg.h"
#include "core/store/store_error.h"

#include <fmt/format.h>

#include <algorithm>

#include <cmath>
#include <filesystem>

namespace ls {

namespace report {

namespace {

/// Four digits that count; whole numbers whole, and no exponents where people do not expect them.
std::string shortened(double value)
{
    if (std::isnan(value))
        return "–";
    if (std::abs(value) < 1e15 && (value == std::floor(value) || std::abs(value) >= 1e4))
        return fmt::format("{:.0f}", value == 0 ? 0.0 : value);
    return fmt::format("{:.4g}", value);
}

} // namespace

Cell::Cell(double value)
    : text(shortened(value))
    , number(value)
{
}

namespace {

using svg::escape;

constexpr const char* kStyle =
    ":root{color-scheme:light dark;--text:#1b2330;--second:#4f5a69;--page:#fff;--line:#d7dce3;--differs:#fbe6d3;"
    "--mark:#b04f0c}"
    "@media(prefers-color-scheme:dark){:root{--text:#e7eaef;--second:#b0b9c6;--page:#16191d;--line:#353c46;"
    "--differs:#4a2f18;--mark:#f29a55}}"
    "@media print{:root{--text:#1b2330;--second:#4f5a69;--page:#fff;--line:#d7dce3;--differs:#fbe6d3;--mark:#b04f0c}}"
    "body{font:14px/1.5 sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:var(--text);"
    "background:var(--page)}"
    "h2{border-bottom:1px solid var(--line);margin-top:2em}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dt{color:var(--second)}dd{margin:0;"
    "overflow-wrap:anywhere}"
    "table{border-collapse:collapse;margin:.5em 0;display:block;overflow-x:auto}"
    "td,th{border:1px solid var(--line);padding:2px 8px;text-align:left;vertical-align:top;white-space:pre-wrap;"
    "overflow-wrap:break-word;max-width:28em}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    // Figures have one set of colours: in the dark they stand on their own light sheet.
    "svg{max-width:100%;height:auto;background:#fff;border-radius:4px}figure{margin:1em 0}"
    "figcaption,.file{color:var(--second)}"
    ".text{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);padding:8px}"
    ".prompt{color:var(--second)}.differs{background:var(--differs)}"
    ".mark{border-left:3px solid var(--mark);font-weight:bold}";

/// Whether a column holds numbers: they stand to the right.
bool isNumeric(const Table& table, std::size_t column)
{
    bool any = false;
    for (const auto& row : table.rows) {
        if (column >= row.size())
            continue;
        if (!row[column].number && !row[column].text.empty())
            return false;
        any = any || row[column].number.has_value();
    }
    return any;
}

std::string fileText(const Table& table)
{
    return fmt::format("{}: {} rows in {}.csv.", table.title, table.rows.size(), table.id);
}

std::string html(const Paragraph& block)
{
    return "<p>" + escape(block.text) + "</p>\n";
}

std::string html(const Table& table)
{
    if (table.fileOnly)
        return "<p class=\"file\">" + escape(fileText(table)) + "</p>\n";
    std::string out = "<h3>" + escape(table.title) + "</h3>\n<table><thead><tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        out += (isNumeric(table, i) ? "<th class=\"n\">" : "<th>") + escape(table.columns[i]) + "</th>";
    out += "</tr></thead><tbody>\n";
    for (const auto& row : table.rows) {
        out += "<tr>";
        for (const Cell& cell : row)
            out += (cell.number ? "<td class=\"n\">" : "<td>") + escape(cell.text) + "</td>";
        out += "</tr>\n";
    }
    return out + "</tbody></table>\n";
}

std::string html(const Figure& figure)
{
    return "<figure><h3>" + escape(figure.title) + "</h3>\n" + figure.svg + "\n<figcaption>" + escape(figure.caption) +
           "</figcaption></figure>\n";
}

std::string html(const TokenText& text)
{
    std::string out = "<h3>" + escape(text.title) + "</h3>\n<div class=\"text\">";
    for (std::size_t i = 0; i < text.tokens.size(); ++i) {
        const bool differs = text.mark && int(i) >= *text.mark;
        const char* kind = text.prompt[i] ? "prompt"
                           : differs      ? (int(i) == *text.mark ? "differs mark" : "differs")
                                          : "";
        const char* hint = differs && int(i) == *text.mark ? " title=\"first token that differs from lane A\"" : "";
        out += fmt::format("<span class=\"{}\"{}>{}</span>", kind, hint, escape(text.tokens[i]));
    }
    return out + "</div>\n";
}

/// What Markdown would read as markup; a line end would end a table row.
std::string plain(const std::string& text)
{
    std::string out;
    for (const char c : escape(text)) { // entities are allowed in Markdown, tags would be run
        if (c == '\n')
            out += "⏎";
        else if (std::string_view("\\`*_[]|#~").find(c) != std::string_view::npos)
            out.append({'\\', c});
        else
            out += c;
    }
    return out;
}

std::string markdown(const Paragraph& block)
{
    return plain(block.text) + "\n\n";
}

std::string markdown(const Table& table)
{
    if (table.fileOnly)
        return plain(fileText(table)) + "\n\n";
    std::string out = "### " + plain(table.title) + "\n\n|", rule = "|";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        out += fmt::format(" {} |", plain(table.columns[i]));
        rule += isNumeric(table, i) ? "---:|" : "---|";
    }
    out += "\n" + rule + "\n";
    for (const auto& row : table.rows) {
        out += "|";
        for (const Cell& cell : row)
            out += fmt::format(" {} |", plain(cell.text));
        out += "\n";
    }
    return out + "\n";
}

std::string markdown(const Figure& figure)
{
    return "### " + plain(figure.title) + "\n\n" + plain(figure.caption) + " (drawn in the HTML report)\n\n";
}

std::string markdown(const TokenText& text)
{
    std::string out = "### " + plain(text.title) + "\n\n> ";
    for (std::size_t i = 0; i < text.tokens.size(); ++i) {
        if (text.mark && int(i) == *text.mark)
            out += " **▶ differs from here:** ";
        out += plain(text.tokens[i]);
    }
    return out + "\n\n";
}

std::string quoted(const std::string& text)
{
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string out(1, '"');
    for (const char c : text)
        out.append(c == '"' ? 2 : 1, c);
    out += '"';
    return out;
}

std::string csv(const Table& table)
{
    std::string out;
    const auto end = [&](bool last) { out += last ? "\r\n" : ","; };
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        out += quoted(table.columns[i]);
        end(i + 1 == table.columns.size());
    }
    for (const auto& row : table.rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (!row[i].number)
                out += quoted(row[i].text);
            else if (!std::isnan(*row[i].number))
                out += fmt::format("{}", *row[i].number);
            end(i + 1 == row.size());
        }
    return out;
}

nlohmann::json json(const Table& table)
{
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& row : table.rows) {
        nlohmann::json cells = nlohmann::json::array();
        for (const Cell& cell : row)
            cells.push_back(!cell.number               ? nlohmann::json(cell.text)
                            : std::isnan(*cell.number) ? nlohmann::json()
                                                       : nlohmann::json(*cell.number));
        rows.push_back(std::move(cells));
    }
    return {{"table", table.id}, {"title", table.title}, {"columns", table.columns}, {"rows", std::move(rows)}};
}

nlohmann::json json(const Paragraph& block)
{
    return {{"text", block.text}};
}

nlohmann::json json(const Figure& figure)
{
    return {{"figure", figure.title}, {"caption", figure.caption}};
}

nlohmann::json json(const TokenText& text)
{
    nlohmann::json out{{"lane_text", text.title}, {"tokens", text.tokens}, {"prompt_tokens", 0}};
    out["prompt_tokens"] = std::count(text.prompt.begin(), text.prompt.end(), true);
    if (text.mark)
        out["differs_from"] = *text.mark;
    return out;
}

} // namespace

} // namespace report

std::string toHtml(const report::Document& document)
{
    std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                      svg::escape(document.title) + "</title><style>" + report::kStyle + "</style></head><body>\n<h1>" +
                      svg::escape(document.title) + "</h1>\n<dl>";
    for (const auto& [name, value] : document.facts)
        out += "<dt>" + svg::escape(name) + "</dt><dd>" + svg::escape(value) + "</dd>";
    out += "</dl>\n";
    for (const auto& section : document.sections) {
        out += "<section><h2>" + svg::escape(section.title) + "</h2>\n";
        for (const auto& block : section.blocks)
            out += std::visit([](const auto& b) { return report::html(b); }, block);
        out += "</section>\n";
    }
    return out + "</body></html>\n";
}

std::string toMarkdown(const report::Document& document)
{
    std::string out = "# " + report::plain(document.title) + "\n\n";
    for (const auto& [name, value] : document.facts)
        out += "- " + report::plain(name) + ": " + report::plain(value) + "\n";
    out += "\n";
    for (const auto& section : document.sections) {
        out += "## " + report::plain(section.title) + "\n\n";
        for (const auto& block : section.blocks)
            out += std::visit([](const auto& b) { return report::markdown(b); }, block);
    }
    return out;
}

std::vector<report::CsvFile> toCsv(const report::Document& document)
{
    std::vector<report::CsvFile> out;
    for (const auto& section : document.sections)
        for (const auto& block : section.blocks)
            if (const auto* table = std::get_if<report::Table>(&block))
                out.push_back({table->id + ".csv", report::csv(*table)});
    return out;
}

std::string toJson(const report::Document& document)
{
    nlohmann::json out{{"title", document.title}, {"facts", nlohmann::json::object()}};
    for (const auto& [name, value] : document.facts)
        out["facts"][name] = value;
    out["sections"] = nlohmann::json::array();
    for (const auto& section : document.sections) {
        nlohmann::json blocks = nlohmann::json::array();
        for (const auto& block : section.blocks)
            blocks.push_back(std::visit([](const auto& b) { return report::json(b); }, block));
        out["sections"].push_back({{"id", section.id}, {"title", section.title}, {"blocks", std::move(blocks)}});
    }
    return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Status writeReport(const std::string& path, const report::Document& document)
{
    const std::filesystem::path file(path);
    if (file.extension() == ".html")
        return writeWholeFile(path, toHtml(document));
    if (file.extension() == ".md")
        return writeWholeFile(path, toMarkdown(document));
    if (file.extension() == ".json")
        return writeWholeFile(path, toJson(document));
    if (file.extension() != ".csv")
        return Error{Errc::InvalidParameter,
                     fmt::format("{} has no ending of a report.", path),
                     "Use .html, .md, .json or .csv; PDF comes from the desktop program.",
                     {}};
    const std::filesystem::path folder = std::filesystem::path(file).replace_extension();
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem)
        return store::fileError(problem.value(), folder.string());
    for (const report::CsvFile& csv : toCsv(document))
        LS_CHECK(writeWholeFile((folder / csv.name).string(), csv.content));
    return success();
}

} // namespace ls
