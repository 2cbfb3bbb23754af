#include "engine/model/families/families.h"

#include <cmath>

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    config.embeddingScale = std::sqrt(float(config.width));
    LS_TRY(config.scoreCap, reader.number({"attn_logit_softcapping", {}}, 0, 1e6, 0.0));
    LS_TRY(config.logitCap, reader.number({"final_logit_softcapping", "final_logit_softcapping"}, 0, 1e6, 0.0));
    // GGUF does not say; only the largest model (62 layers) does not scale by the width of a head
    const double usual = !reader.isFolder() && config.blockCount == 62 ? double(config.width) / config.headCount
                                                                       : double(config.headWidth);
    LS_TRY(const double scalar, reader.number({"query_pre_attn_scalar", {}}, 1e-6, 1e6, usual));
    config.attentionScale = 1.0 / std::sqrt(scalar);
    return success();
}

} // namespace

/// Gemma 2 without caps, with a norm over every head of q and k; five sliding layers, then one that sees everything,
/// which has a rotary base of its own. Gemma Team 2025 (arXiv 2503.19786).
Family gemma3()
{
    Family f = gemma2();
    f.name = "gemma3";
    f.modelTypes = {"gemma3_text"};
    f.architectures = {"gemma3"};
    f.tensors.add({Role::QNorm, "model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight"})
        .add({Role::KNorm, "model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight"});
    f.qkNorm = QkNorm::PerHead;
    f.rotaryBase = 1e6;
    f.slidingRotaryBase = 1e4;
    f.slidingLayersUnscaled = true;
    f.fullEvery = 6;
    f.finish = finish;
    return f;
}

} // namespace ls::families
