#pragma once

#include "core/protocol/messages.h"
#include "engine/model/model.h"

#include <functional>

namespace ls {

struct CaptureOutput {
    std::function<void(const std::string& name, TensorBlob value)> tensor;
    std::function<bool()> interrupted;
};

/// Runs the prompt with its methods and hands out one float32 tensor per site under its canonical name, `ids` (of the
/// prompt) and, when tokens are generated (greedy, never stopped), `generated`. With tapGenerated the tensors cover
/// the generated positions too, as the cached decode computed them. Result: {"tokens", "generated"}.
Result<nlohmann::json> runCapture(const std::shared_ptr<const Model>& model, const Capture& capture,
                                  const CaptureOutput& output);

} // namespace ls
