#include "engine/model/families/families.h"

namespace ls::families {

/// No norms before the branches, but after them, and over all heads of q and k together.
/// OLMo Team 2024 (arXiv 2501.00656).
Family olmo2()
{
    Family f;
    f.name = "olmo2";
    f.modelTypes = {"olmo2"};
    f.architectures = {"olmo2"};
    f.ggufWithout = "attention.sliding_window"; // that is olmo3
    f.tensors = commonTensors()
                    .remove(Role::AttnNorm)
                    .remove(Role::MlpNorm)
                    .add({Role::AttnPostNorm, "model.layers.{}.post_attention_layernorm.weight",
                          "blk.{}.post_attention_norm.weight"})
                    .add({Role::MlpPostNorm, "model.layers.{}.post_feedforward_layernorm.weight",
                          "blk.{}.post_ffw_norm.weight"})
                    .add({Role::QNorm, "model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"})
                    .add({Role::KNorm, "model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"});
    f.qkNorm = QkNorm::Whole;
    return f;
}

} // namespace ls::families
