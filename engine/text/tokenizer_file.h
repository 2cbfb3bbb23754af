#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ls {

/// A tokenizer.json, read in one pass. Vocabulary and merges, which are most of a file, go into plain lists instead of
/// JSON values.
struct TokenizerFile {
    nlohmann::json rest;                                      ///< everything but model.vocab and model.merges
    std::vector<std::pair<std::string, std::int64_t>> tokens; ///< of an object: text -> id
    std::vector<std::pair<std::string, double>> scored;       ///< of a list: [text, score]
    std::vector<std::pair<std::string, std::string>> merges;
    bool hasMerges = false; ///< there is a list, maybe an empty one

    /// Error: FileFormat (not JSON, a value of the wrong type, more than kMostSteps objects in one of the steps' parts,
    /// more than kDeepest levels).
    static Result<TokenizerFile> parse(std::string_view json);

    static constexpr int kMostSteps = 256, kDeepest = 32;
};

} // namespace ls
