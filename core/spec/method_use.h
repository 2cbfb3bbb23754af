#pragma once

#include <nlohmann/json.hpp>

#include "core/error.h"

#include <string>
#include <vector>

/// One method as switched on: the same form in the desk, in `--methods` files, in sessions and reports.
namespace ls {

/// What happens to the KV cache when the set changes mid-generation; Auto follows from `changes` in method.json.
enum class KvPolicy { Auto, Keep, Recompute, Fork };

struct MethodUse {
    std::string method;                               ///< id, "layer_skip"
    nlohmann::json params = nlohmann::json::object(); ///< as method.json describes them
    bool operator==(const MethodUse&) const = default;
};

/// The whole ordered set. Always sent whole, never a difference.
using MethodSet = std::vector<MethodUse>;

/// [{"method": "layer_skip", "params": {...}}, ...]; unknown keys are refused with their name.
Result<MethodSet> methodSetFromJson(const nlohmann::json& json);
nlohmann::json toJson(const MethodSet& methods);
/// Reads a `--methods` file.
Result<MethodSet> readMethodSet(const std::string& path);
/// Hash (xxh3, 16 hex digits) of the canonical JSON: results measured under another hash are stale.
std::string specHash(const MethodSet& methods);

} // namespace ls
