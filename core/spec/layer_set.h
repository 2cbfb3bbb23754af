#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ls {

/// Layer sets in JSON are [2, 5, 9], "all", or text "2,5,9-12". Result: ascending, unique, all within 0..blockCount-1.
Result<std::vector<int>> layerSetFromJson(const nlohmann::json& json, int blockCount);
/// "2,5,9-12"; empty for none.
std::string layerSetText(const std::vector<int>& layers);

} // namespace ls
