#include "engine/model/families/families.h"

namespace ls::families {

/// Llama with LayerNorm and a part of each head rotated. StableLM 2: Bellagente et al. 2024 (arXiv 2402.17834).
Family stablelm()
{
    Family f;
    f.name = "stablelm";
    f.modelTypes = {"stablelm"};
    f.architectures = {"stablelm"};
    f.tensors = commonTensors()
                    .add({Role::FinalNormBias, "model.norm.bias", "output_norm.bias"})
                    .add({Role::AttnNormBias, "model.layers.{}.input_layernorm.bias", "blk.{}.attn_norm.bias"})
                    .add({Role::MlpNormBias, "model.layers.{}.post_attention_layernorm.bias", "blk.{}.ffn_norm.bias"});
    f.norm = NormKind::Layer;
    f.keys.normEpsilon = "layer_norm_eps";
    f.partialRotary = true;
    f.rotaryFraction = 0.25;
    f.onlyTested = {{{"use_parallel_residual", "use_parallel_residual"}, false, "has parallel branches"},
                    {{"qk_layernorm", {}}, false, "normalises queries and keys"}};
    return f;
}

} // namespace ls::families
