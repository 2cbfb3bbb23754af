#pragma once

#include "engine/experiment/experiment.h"

/// The engine checks itself: experiment "certify" (docs/experiments.md).
namespace ls {

/// Compares the open model, as it runs, with the float64 implementation on fixed prompts, makes the self-checks, and
/// with params["reference"] (a folder) compares with stored values too. The result is a Certificate as JSON. Errors:
/// Cancelled, FileNotFound and FileFormat of the reference, NanStream, InvalidParameter.
Result<nlohmann::json> runCertify(const ExperimentContext& context);

} // namespace ls
