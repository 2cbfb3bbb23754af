#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with a norm over every head of q and k. Qwen3 technical report (arXiv 2505.09388).
Family qwen3()
{
    Family f;
    f.name = "qwen3";
    f.modelTypes = {"qwen3"};
    f.architectures = {"qwen3"};
    f.tensors = commonTensors()
                    .add({Role::QNorm, "model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"})
                    .add({Role::KNorm, "model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"});
    f.qkNorm = QkNorm::PerHead;
    f.slides = true;
    f.slidingSwitch = "use_sliding_window";
    f.slidingFromLayer = "max_window_layers";
    return f;
}

} // namespace ls::families
