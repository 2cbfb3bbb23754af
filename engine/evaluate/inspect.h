#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <string>

namespace ls {

/// Headers only: {"path", "family", "config", "file_bytes", "fingerprint", "parameters", "tensors": [{name, shape,
/// type, bytes}], "metadata", "sites", "memory": [{dtype, weight_bytes, context, kv_bytes}]}. "config" and "memory" are
/// null (with the reason in "unsupported") for an architecture this build does not know.
Result<nlohmann::json> inspectFile(const std::string& path);

} // namespace ls
