#pragma once

#include "core/error.h"
#include "core/model_info.h"
#include "core/protocol/tensor.h"
#include "engine/generate/tap_store.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

/// What was measured once per model and is used again: safetensors files in
/// ${XDG_CACHE_HOME:-~/.cache}/layerscope/calibration, named by model and tokenizer fingerprint.
namespace ls {

/// "<model fp>-<tokenizer fp>".
std::string calibrationKey(const ModelInfo& info);
/// `suffix` "" or "-safety".
std::string calibrationPath(const ModelInfo& info, std::string_view suffix);

struct StoredCalibration {
    std::map<std::string, at::Tensor> tensors; ///< float32
    std::map<std::string, std::string> metadata;
    /// Null if absent or of another shape.
    const at::Tensor* tensor(const std::string& name, at::IntArrayRef shape) const;
};
/// Creates the folder. Errors: FileNotWritable, DiskFull.
Status storeCalibration(const std::string& path, const StoredCalibration& calibration);
/// Errors: FileNotFound, FileFormat.
Result<StoredCalibration> loadCalibration(const std::string& path);

std::string contentHash(std::string_view bytes); ///< xxh3, 16 hex digits

} // namespace ls
