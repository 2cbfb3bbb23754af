#pragma once

#include "core/protocol/messages.h"

#include <functional>

/// Experiments of the fake engine: rows, tensors and results in the form of docs/experiments.md.
namespace ls::fake {

/// `say` takes rows (requestId set by the caller), tensors and progress; it returns false when the request was
/// cancelled. The result, or an error.
Result<nlohmann::json> runExperiment(const RunExperiment& request, const std::function<bool(EngineMessage)>& say);

} // namespace ls::fake
