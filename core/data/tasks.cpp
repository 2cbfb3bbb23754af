#include "core/data/tasks.h"

#include "core/data/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

namespace ls {

namespace {

std::string lower(std::string text)
{
    for (char& c : text)
        c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    return text;
}

std::string trimmed(const std::string& text)
{
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == text.npos ? std::string() : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<bool> readTruth(const std::string& text)
{
    const std::string word = lower(trimmed(text));
    if (word == "true" || word == "yes" || word == "1" || word == "t")
        return true;
    if (word == "false" || word == "no" || word == "0" || word == "f")
        return false;
    return std::nullopt;
}

/// A letter, else the text of one of the choices; -1 if neither.
int readChoice(const std::string& text, const std::vector<std::string>& choices)
{
    const std::string answer = trimmed(text);
    if (answer.size() == 1) {
        const int letter = lower(answer)[0] - 'a';
        if (letter >= 0 && letter < int(choices.size()))
            return letter;
    }
    const auto same = [&](const std::string& choice) { return lower(trimmed(choice)) == lower(answer); };
    const auto found = std::find_if(choices.begin(), choices.end(), same);
    return found == choices.end() ? -1 : int(found - choices.begin());
}

Error badAnswer(std::size_t row, const std::string& text, const char* expected)
{
    return {Errc::DataColumns,
            fmt::format("The answer \"{}\" of row {} cannot be understood.", text, row + 1),
            fmt::format("Give {}.", expected),
            {}};
}

std::string columnNamed(const CsvTable& table, std::initializer_list<std::string_view> names)
{
    for (const std::string_view name : names)
        for (const std::string& column : table.header)
            if (lower(trimmed(column)) == name)
                return column;
    return {};
}

/// Positions of the mapped columns.
struct Columns {
    std::size_t text = 0, answer = 0;
    std::vector<std::size_t> choices;
    std::optional<std::size_t> topic;
};

Result<Columns> findColumns(const CsvTable& table, const CsvMapping& mapping)
{
    Columns columns;
    LS_TRY(columns.text, table.column(mapping.statement.empty() ? mapping.question : mapping.statement));
    LS_TRY(columns.answer, table.column(mapping.answer));
    for (const std::string& choice : mapping.choices) {
        LS_TRY(const std::size_t column, table.column(choice));
        columns.choices.push_back(column);
    }
    if (!mapping.topic.empty()) {
        LS_TRY(columns.topic, table.column(mapping.topic));
    }
    return columns;
}

Result<TaskItem> itemOf(const std::vector<std::string>& row, std::size_t index, const Columns& columns, bool trueFalse)
{
    const std::string topic = columns.topic ? row[*columns.topic] : std::string();
    if (trueFalse) {
        const auto truth = readTruth(row[columns.answer]);
        if (!truth)
            return badAnswer(index, row[columns.answer], "true or false, yes or no, 1 or 0");
        return trueFalseItem(row[columns.text], *truth, topic);
    }
    std::vector<std::string> choices;
    for (const std::size_t column : columns.choices)
        choices.push_back(row[column]);
    const int answer = readChoice(row[columns.answer], choices);
    if (answer < 0)
        return badAnswer(index, row[columns.answer], "the letter or the text of the right choice");
    TaskItem item = letterItem({}, row[columns.text], choices, answer);
    item.topic = topic;
    return item;
}

} // namespace

double Task::chance() const
{
    double sum = 0;
    for (const TaskItem& item : items)
        sum += 1.0 / double(item.choices.size());
    return items.empty() ? 0 : sum / double(items.size());
}

bool Task::binary() const
{
    return !items.empty() &&
           std::all_of(items.begin(), items.end(), [](const auto& i) { return i.choices.size() == 2; });
}

TaskItem trueFalseItem(const std::string& statement, bool isTrue, std::string topic)
{
    return {fmt::format("Statement: {}\nTrue or false? Answer:", statement),
            {" True", " False"},
            isTrue ? 0 : 1,
            std::move(topic)};
}

TaskItem letterItem(const std::string& subject, const std::string& question, const std::vector<std::string>& texts,
                    int answer)
{
    TaskItem item;
    if (!subject.empty())
        item.prompt = fmt::format("The following are multiple choice questions (with answers) about {}.\n\n", subject);
    item.prompt += trimmed(question);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        item.prompt += fmt::format("\n{}. {}", char('A' + i), texts[i]);
        item.choices.push_back(fmt::format(" {}", char('A' + i)));
    }
    item.prompt += "\nAnswer:";
    item.answer = answer;
    item.topic = subject;
    return item;
}

Result<CsvMapping> guessMapping(const CsvTable& table)
{
    CsvMapping mapping;
    mapping.answer = columnNamed(table, {"answer", "label", "correct"});
    mapping.statement = columnNamed(table, {"statement", "claim"});
    mapping.topic = columnNamed(table, {"topic", "subject"});
    if (mapping.statement.empty()) {
        mapping.question = columnNamed(table, {"question", "prompt"});
        for (int i = 0; i < 26; ++i) {
            const std::string letter(1, char('a' + i)), numbered = fmt::format("choice{}", i + 1);
            const std::string column = columnNamed(table, {letter, numbered});
            if (column.empty())
                break;
            mapping.choices.push_back(column);
        }
    }
    if (!mapping.answer.empty() &&
        (!mapping.statement.empty() || (!mapping.question.empty() && mapping.choices.size() > 1)))
        return mapping;
    return Error{Errc::DataColumns,
                 "The file has neither statement and answer nor question, choices and answer.",
                 fmt::format("Columns found: {}.", fmt::join(table.header, ", ")),
                 {}};
}

Result<Task> taskFromTable(const CsvTable& table, const CsvMapping& mapping, std::string name, std::string title)
{
    const bool trueFalse = !mapping.statement.empty();
    if (!trueFalse && (mapping.choices.size() < 2 || mapping.choices.size() > 26))
        return Error{Errc::DataColumns,
                     "A question needs two to 26 columns with choices.",
                     fmt::format("Columns found: {}.", fmt::join(table.header, ", ")),
                     {}};
    LS_TRY(const Columns columns, findColumns(table, mapping));
    Task task{std::move(name), std::move(title), {}};
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
        LS_TRY(TaskItem item, itemOf(table.rows[i], i, columns, trueFalse));
        task.items.push_back(std::move(item));
    }
    if (task.items.empty())
        return Error{Errc::DataTooFew, "The file has a header but no rows.", "Add items below the header.", {}};
    return task;
}

Result<Task> taskFromCsv(const std::string& path, const CsvMapping& mapping)
{
    LS_TRY(const CsvTable table, readCsv(path));
    CsvMapping used = mapping;
    if (used.answer.empty() && used.statement.empty() && used.question.empty()) {
        LS_TRY(used, guessMapping(table));
    }
    const std::string stem = std::filesystem::path(path).stem().string();
    return taskFromTable(table, used, "csv/" + stem, stem);
}

nlohmann::json itemsJson(const Task& task, int limit)
{
    nlohmann::json items = nlohmann::json::array();
    for (const TaskItem& item : task.items) {
        if (limit > 0 && int(items.size()) == limit)
            break;
        items.push_back({{"prompt", item.prompt}, {"choices", item.choices}, {"answer", item.answer}});
    }
    return items;
}

} // namespace ls
