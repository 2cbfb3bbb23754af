#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <string>

namespace ls {

/// Headers only: {"path", "family", "config", "file_bytes", "fingerprint", "parameters", "tensors": [{name, shape,
/// type, bytes}], "metadata", "card" (model_card.h), "sites", "memory": [{dtype, weight_bytes, context, kv_bytes}]}. A
/// model that cannot be loaded has the reason in "unsupported", "unsupported_hint"; "config" and "memory" are then null
/// unless only its tensors are wrong.
Result<nlohmann::json> inspectFile(const std::string& path);

} // namespace ls
