#include "core/report/report.h"
#include "core/report/svg.h"
#include "core/store/store_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace ls {

namespace report {

Cell::Cell(double value)
    : text(std::isnan(value) ? "–" : fmt::format("{:.4g}", value))
    , number(value)
{
}

namespace {

using svg::escape;

constexpr const char* kStyle =
    "body{font:14px/1.5 sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:.5em 0;display:block;overflow-x:auto}td,th{border:1px solid "
    "#ccc;padding:2px "
    "8px;text-align:left;white-space:pre-wrap}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{max-width:100%;height:auto}figure{margin:1em 0}figcaption{color:#555}"
    ".text{white-space:pre-wrap;border:1px solid #ccc;padding:8px}.prompt{color:#777}"
    ".differs{background:#fff0d0}.mark{border-left:3px solid #c60;font-weight:bold}";

std::string html(const Paragraph& block)
{
    return "<p>" + escape(block.text) + "</p>\n";
}

std::string html(const Table& table)
{
    std::string out = "<h3>" + escape(table.title) + "</h3>\n<table><thead><tr>";
    for (const std::string& column : table.columns)
        out += "<th>" + escape(column) + "</th>";
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
    std::string out = "### " + plain(table.title) + "\n\n|", rule = "|";
    for (const std::string& column : table.columns) {
        out += fmt::format(" {} |", plain(column));
        rule += "---|";
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

Status writeText(const std::string& path, const std::string& text)
{
    errno = 0;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file)
        return store::fileError(errno, path);
    return success();
}

} // namespace

} // namespace report

std::string toHtml(const report::Document& document)
{
    std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                      svg::escape(document.title) + "</title><style>" + report::kStyle + "</style></head><body>\n<h1>" +
                      svg::escape(document.title) + "</h1>\n";
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

Status writeReport(const std::string& path, const report::Document& document)
{
    const std::filesystem::path file(path);
    if (file.extension() == ".html")
        return report::writeText(path, toHtml(document));
    if (file.extension() == ".md")
        return report::writeText(path, toMarkdown(document));
    if (file.extension() != ".csv")
        return Error{Errc::InvalidParameter,
                     fmt::format("{} has no ending of a report.", path),
                     "Use .html, .md or .csv; PDF comes from the desktop program.",
                     {}};
    const std::filesystem::path folder = std::filesystem::path(file).replace_extension();
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem)
        return store::fileError(problem.value(), folder.string());
    for (const report::CsvFile& csv : toCsv(document))
        LS_CHECK(report::writeText((folder / csv.name).string(), csv.content));
    return success();
}

} // namespace ls
