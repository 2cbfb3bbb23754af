#pragma once

#include "core/data/splits.h"
#include "core/data/tasks.h"
#include "core/spec/method_use.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

/// What ships (licences in resources/data/NOTICE.md), and the params of docs/experiments.md made from it: desktop and
/// command line send the same.
namespace ls {

/// 60 paragraphs of WikiText-2 valid, at least 400 characters each.
const std::vector<std::string>& calibrationParagraphs();

struct SafetyPrompt {
    std::string prompt;
    std::string type; ///< "homonyms", "contrast_homonyms", ...
    bool harmful = false;
    bool operator==(const SafetyPrompt&) const = default;
};
/// XSTest: 250 harmless prompts, then 200 harmful ones.
const std::vector<SafetyPrompt>& xstest();
/// Of any set, by type, seed 42.
Halves safetyHalves(const std::vector<SafetyPrompt>& prompts);

/// 480 statements.
const Task& trueFalseTask();
/// 13 subjects, "mmlu/astronomy" ...
const std::vector<Task>& mmluTasks();
/// "truefalse", "mmlu/<subject>" or "mmlu" (all subjects in a row). Error: InvalidParameter with the names there are.
Result<Task> taskByName(const std::string& name);

/// Params of `calibrate_contextualisation` and `contextualisation_corpus` for any paragraphs (default: ours).
nlohmann::json calibrationParams(const std::vector<std::string>& paragraphs = calibrationParagraphs(), int tokens = 128,
                                 int seed = 0);
/// Params of `fit_safety`.
nlohmann::json safetyParams(const std::vector<SafetyPrompt>& prompts = xstest());
/// Params of `accuracy`: lanes A and B, or A alone where there are no methods. `limit` > 0: the first items.
nlohmann::json accuracyParams(const Task& task, const MethodSet& methods, int limit = 0);

} // namespace ls
