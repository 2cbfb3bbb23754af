#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with biases of q, k and v. Yang et al. 2024 (arXiv 2407.10671).
Family qwen2()
{
    Family f;
    f.name = "qwen2";
    f.modelTypes = {"qwen2"};
    f.architectures = {"qwen2"};
    f.tensors = commonTensors().require(Role::QBias).require(Role::KBias).require(Role::VBias);
    f.slides = true;
    f.slidingSwitch = "use_sliding_window";
    f.slidingFromLayer = "max_window_layers";
    return f;
}

} // namespace ls::families
