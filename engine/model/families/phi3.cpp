#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with fused q, k, v and gate, up; LongRoPE for long contexts. Abdin et al. 2024 (arXiv 2404.14219).
Family phi3()
{
    Family f;
    f.name = "phi3";
    f.modelTypes = {"phi3"};
    f.architectures = {"phi3"};
    f.tensors = commonTensors();
    for (const Role role : {Role::Q, Role::K, Role::V, Role::QBias, Role::KBias, Role::VBias, Role::Gate, Role::Up,
                            Role::GateBias, Role::UpBias})
        f.tensors.remove(role);
    f.tensors.add({Role::Qkv, "model.layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight"})
        .add({Role::GateUp, "model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight"});
    f.partialRotary = true;
    f.slides = true;
    return f;
}

} // namespace ls::families
