#include "engine/model/families/families.h"

#include <cmath>

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    config.embeddingScale = std::sqrt(float(config.width));
    LS_TRY(config.scoreCap, reader.number({"attn_logit_softcapping", "attn_logit_softcapping"}, 0, 1e6, 0.0));
    LS_TRY(config.logitCap, reader.number({"final_logit_softcapping", "final_logit_softcapping"}, 0, 1e6, 0.0));
    // GGUF does not say; only the largest model (46 layers) does not scale by the width of a head
    const double usual = !reader.isFolder() && config.blockCount == 46 ? double(config.width) / config.headCount
                                                                       : double(config.headWidth);
    LS_TRY(const double scalar, reader.number({"query_pre_attn_scalar", {}}, 1e-6, 1e6, usual));
    config.attentionScale = 1.0 / std::sqrt(scalar);
    return success();
}

} // namespace

/// Norms before and after both branches, capped scores and logits, every other layer sliding.
/// Gemma Team 2024 (arXiv 2408.00118).
Family gemma2()
{
    Family f;
    f.name = "gemma2";
    f.modelTypes = {"gemma2"};
    f.architectures = {"gemma2"};
    f.tensors = commonTensors()
                    .rename(Role::MlpNorm, "model.layers.{}.pre_feedforward_layernorm.weight")
                    .add({Role::AttnPostNorm, "model.layers.{}.post_attention_layernorm.weight",
                          "blk.{}.post_attention_norm.weight"})
                    .add({Role::MlpPostNorm, "model.layers.{}.post_feedforward_layernorm.weight",
                          "blk.{}.post_ffw_norm.weight"});
    f.folderNormsAddOne = true;
    f.tiedByDefault = true;
    f.keys.activation = "hidden_activation";
    f.activation = Activation::GeluTanh;
    f.slides = true;
    f.fullEvery = 2;
    f.onlyTested = {{{"use_bidirectional_attention", {}}, false, "looks at later positions"}};
    f.finish = finish;
    return f;
}

} // namespace ls::families
