#pragma once

#include "core/error.h"
#include "core/protocol/tensor.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ls {

/// Control vector as llama.cpp and repeng read it (steering-toolbox.md section 12): tensors direction.<l> F32 [d], l
/// >= 1. Written to a temporary file and renamed, so a full disk leaves no half file.
Status writeControlVector(const std::string& path, const std::string& modelHint,
                          const std::map<int, std::vector<float>>& directions);

/// safetensors in the given order; dtypes f32, i32, u8. Written to a temporary file and renamed.
Status writeSafetensors(const std::string& path, const std::vector<std::pair<std::string, TensorBlob>>& tensors,
                        const std::map<std::string, std::string>& metadata = {});

} // namespace ls
