#include "core/data/datasets.h"

#include "core/data/csv.h"
#include "core/data/embedded_data.h"
#include "core/data/word_classes.h"
#include "core/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace ls {

namespace {

/// What ships was read by the tests; a table that cannot be read is damage of the program itself.
template <typename T>
T shipped(Result<T> result)
{
    if (result)
        return std::move(result).value();
    fmt::print(stderr, "Embedded data cannot be read: {} {}\n", result.error().message, result.error().hint);
    std::abort();
}

CsvTable shippedTable(std::string_view path, bool header)
{
    return shipped(parseCsv(embeddedData(path), {header}));
}

Task mmluTask(std::string_view path)
{
    const std::string_view stem = path.substr(5, path.size() - 5 - std::string_view("_test.csv").size());
    std::string subject(stem);
    std::replace(subject.begin(), subject.end(), '_', ' ');
    Task task{fmt::format("mmlu/{}", stem), fmt::format("MMLU: {}", subject), {}};
    for (const auto& row : shippedTable(path, false).rows)
        task.items.push_back(
            letterItem(subject, row.at(0), {row.at(1), row.at(2), row.at(3), row.at(4)}, row.at(5).at(0) - 'A'));
    return task;
}

nlohmann::json spansJson(std::string_view text)
{
    nlohmann::json spans = nlohmann::json::array();
    for (const WordSpan& span : wordClasses(text))
        spans.push_back({{"begin", span.begin}, {"end", span.end}, {"class", wordClassName(span.wordClass)}});
    return spans;
}

} // namespace

const std::vector<std::string>& calibrationParagraphs()
{
    static const std::vector<std::string> paragraphs = [] {
        std::vector<std::string> out;
        std::string_view rest = embeddedData("wikitext2_calibration.txt");
        while (!rest.empty()) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
            out.emplace_back(line);
        }
        return out;
    }();
    return paragraphs;
}

const std::vector<SafetyPrompt>& xstest()
{
    static const std::vector<SafetyPrompt> prompts = [] {
        const CsvTable table = shippedTable("xstest.csv", true);
        const std::size_t prompt = shipped(table.column("prompt")), type = shipped(table.column("type"));
        const std::size_t label = shipped(table.column("label"));
        std::vector<SafetyPrompt> out;
        for (const auto& row : table.rows)
            out.push_back({row[prompt], row[type], row[label] == "unsafe"});
        std::stable_partition(out.begin(), out.end(), [](const SafetyPrompt& p) { return !p.harmful; });
        return out;
    }();
    return prompts;
}

Halves safetyHalves(const std::vector<SafetyPrompt>& prompts)
{
    std::vector<std::string> types;
    for (const SafetyPrompt& prompt : prompts)
        types.push_back(prompt.type);
    return stratifiedHalves(types, 42);
}

const Task& trueFalseTask()
{
    static const Task task = shipped(taskFromTable(
        shippedTable("truefalse.csv", true), {"statement", {}, {}, "answer", "topic"}, "truefalse", "True or false"));
    return task;
}

const std::vector<Task>& mmluTasks()
{
    static const std::vector<Task> tasks = [] {
        std::vector<Task> out;
        for (const EmbeddedFile& file : embedded::data_files())
            if (file.path.starts_with("mmlu/") && file.path.ends_with("_test.csv"))
                out.push_back(mmluTask(file.path));
        std::sort(out.begin(), out.end(), [](const Task& a, const Task& b) { return a.name < b.name; });
        return out;
    }();
    return tasks;
}

Result<Task> taskByName(const std::string& name)
{
    if (name == trueFalseTask().name)
        return trueFalseTask();
    Task all{"mmlu", "MMLU, 13 subjects", {}};
    std::string known = "truefalse, mmlu";
    for (const Task& task : mmluTasks()) {
        if (task.name == name)
            return task;
        all.items.insert(all.items.end(), task.items.begin(), task.items.end());
        known += ", " + task.name;
    }
    if (name == all.name)
        return all;
    return Error{Errc::InvalidParameter, fmt::format("There is no task \"{}\".", name), "Tasks: " + known + ".", {}};
}

nlohmann::json calibrationParams(const std::vector<std::string>& paragraphs, int tokens, int seed)
{
    nlohmann::json classes = nlohmann::json::array();
    for (const std::string& paragraph : paragraphs)
        classes.push_back(spansJson(paragraph));
    return {{"paragraphs", paragraphs}, {"tokens", tokens}, {"seed", seed}, {"classes", std::move(classes)}};
}

nlohmann::json safetyParams(const std::vector<SafetyPrompt>& prompts)
{
    // Indices count the harmful prompts first, then the harmless ones.
    std::vector<SafetyPrompt> ordered = prompts;
    std::stable_partition(ordered.begin(), ordered.end(), [](const SafetyPrompt& p) { return p.harmful; });
    nlohmann::json harmful = nlohmann::json::array(), harmless = nlohmann::json::array();
    for (const SafetyPrompt& prompt : ordered)
        (prompt.harmful ? harmful : harmless).push_back({{"text", prompt.prompt}, {"type", prompt.type}});
    const Halves halves = safetyHalves(ordered);
    return {{"harmful", std::move(harmful)},
            {"harmless", std::move(harmless)},
            {"train", halves.train},
            {"test", halves.test},
            {"template", true}};
}

nlohmann::json accuracyParams(const Task& task, const MethodSet& methods, int limit)
{
    nlohmann::json lanes = methods.empty() ? nlohmann::json{"A"} : nlohmann::json{"A", "B"};
    return {{"task", task.name},
            {"items", itemsJson(task, limit)},
            {"methods", toJson(methods)},
            {"lanes", std::move(lanes)}};
}

} // namespace ls
