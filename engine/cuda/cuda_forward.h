#pragma once

#include "engine/forward/sequence.h"

#include <string>

/// Generation on a CUDA device, by the module (engine/cuda/cuda_module.h). Sampling, probes and text stay on the host:
/// logits come back with every step, and the streams where a probe asks for them.
namespace ls {

/// Copies the model to the device "cuda:N"; the host keeps its own weights. The device's memory is given back with the
/// last of what is returned here and the sequences made by it. One thread uses all of them. Errors: DeviceUnavailable,
/// NotSupported (CudaModel::of), ModelTooLarge when the device has too little memory.
/// What its sequences refuse: plans that CudaPlan::of refuses; HookUnavailable for taps other than the stream before
/// the first block and after each block; NotSupported for a window of attention over tokens that its layer skipped.
Result<std::shared_ptr<ForwardDevice>> openCudaForward(const std::string& device, std::shared_ptr<const Model> model);

} // namespace ls
