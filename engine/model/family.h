#pragma once

#include "engine/formats/gguf.h"
#include "engine/model/model.h"

#include <functional>
#include <string>
#include <vector>

namespace ls {

/// One matrix or vector a block needs, by its name in a GGUF file.
struct TensorSpec {
    std::string name; ///< "blk.3.attn_q.weight"
    std::vector<std::int64_t> shape;
    at::Tensor* destination = nullptr;
    /// Rows are stored for interleaved rotary pairs: row 2j+h of a head belongs to row h*width/2+j. 0 = as they are.
    int interleavedHeadWidth = 0;
    bool keepFloat32 = false; ///< norms
};

/// What makes a model family: how its configuration is read and which tensors it has. Adding one is one file that
/// defines such a description and one line in families().
struct Family {
    std::string architecture; ///< general.architecture
    std::function<Result<ModelConfig>(const GgufFile& file)> config;
    std::function<std::vector<TensorSpec>(const GgufFile& file, const ModelConfig& config, Weights& weights)> tensors;
};

const std::vector<Family>& families();
Family llamaFamily();

} // namespace ls
