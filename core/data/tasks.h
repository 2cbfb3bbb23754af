#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

/// Accuracy tasks: a prompt, the texts that may follow it, and which one is right. The engine scores each choice by its
/// log-probability after the prompt; the highest wins.
namespace ls {

struct CsvTable;

struct TaskItem {
    std::string prompt;
    std::vector<std::string> choices; ///< with the leading blank, " True"
    int answer = 0;                   ///< index into choices
    std::string topic;                ///< may be empty
    bool operator==(const TaskItem&) const = default;
};

struct Task {
    std::string name;  ///< "truefalse", "mmlu/astronomy", "csv/my-questions"
    std::string title; ///< "True or false", "MMLU: astronomy"
    std::vector<TaskItem> items;
    /// Accuracy of guessing: mean of 1 / number of choices.
    double chance() const;
    /// The positive class for an AUROC exists only with two choices: choice 0 against choice 1.
    bool binary() const;
};

/// "Statement: S\nTrue or false? Answer:" with " True" and " False".
TaskItem trueFalseItem(const std::string& statement, bool isTrue, std::string topic = {});
/// The zero-shot MMLU prompt: subject line, question, lettered choices, "Answer:"; choices " A", " B", ...
TaskItem letterItem(const std::string& subject, const std::string& question, const std::vector<std::string>& texts,
                    int answer);

/// Which columns of the user's file mean what. Either `statement` and `answer`, or `question`, `choices` and `answer`.
struct CsvMapping {
    std::string statement; ///< true/false form
    std::string question;  ///< multiple-choice form
    std::vector<std::string> choices;
    std::string answer; ///< true/false, yes/no, 1/0; or the letter, the text of the right choice
    std::string topic;  ///< may be empty
};
/// Guesses the mapping from usual column names, whatever their case: statement | claim; question | prompt; A.. or
/// choice1..; answer | label | correct. Error: DataColumns with the columns found.
Result<CsvMapping> guessMapping(const CsvTable& table);
/// Errors: DataColumns (a column of the mapping is absent, or an answer that cannot be understood, with its row),
/// DataTooFew (no row).
Result<Task> taskFromTable(const CsvTable& table, const CsvMapping& mapping, std::string name, std::string title);
/// Reads the file; an empty mapping (the default) is guessed. Also: FileNotFound, FileFormat.
Result<Task> taskFromCsv(const std::string& path, const CsvMapping& mapping = {});

/// [{"prompt", "choices", "answer"}] as docs/experiments.md has it; `limit` > 0 takes the first ones.
nlohmann::json itemsJson(const Task& task, int limit = 0);

} // namespace ls
