#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <string>

namespace ls::fake {

/// What the fake engine says of a model file, by words in the path: "pickle" is refused; "unknown" is of a family that
/// cannot be run; "large" needs more than the fake CPU has free as float32, "huge" as anything; "many" has 20,000
/// tensors; "bare" has neither tokenizer nor template nor licence; "slow" takes a second.
Result<nlohmann::json> inspect(const std::string& path);

} // namespace ls::fake
