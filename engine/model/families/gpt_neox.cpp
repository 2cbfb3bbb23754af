#include "engine/model/families/families.h"

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    LS_TRY(config.parallelResidual, reader.flag({"use_parallel_residual", "use_parallel_residual"}, true));
    return success();
}

} // namespace

/// Both branches read the same input; q, k and v of a head lie together; a quarter of each head is rotated.
/// Black et al. 2022 (arXiv 2204.06745); Pythia: Biderman et al. 2023 (arXiv 2304.01373).
Family gptNeox()
{
    const auto block = [](const char* name) { return std::string("gpt_neox.layers.{}.") + name; };
    const auto stored = [](const char* name) { return std::string("blk.{}.") + name; };
    Family f;
    f.name = "gpt-neox";
    f.modelTypes = {"gpt_neox"};
    f.architectures = {"gptneox"};
    f.ignored = {".attention.bias", ".attention.masked_bias"}; // causal masks
    f.tensors.add({Role::Embedding, "gpt_neox.embed_in.weight", "token_embd.weight"})
        .add({Role::FinalNorm, "gpt_neox.final_layer_norm.weight", "output_norm.weight"})
        .add({Role::FinalNormBias, "gpt_neox.final_layer_norm.bias", "output_norm.bias"})
        .add({Role::Unembedding, "embed_out.weight", "output.weight", false})
        .add({Role::AttnNorm, block("input_layernorm.weight"), stored("attn_norm.weight")})
        .add({Role::AttnNormBias, block("input_layernorm.bias"), stored("attn_norm.bias")})
        .add({Role::Qkv, block("attention.query_key_value.weight"), stored("attn_qkv.weight"), true, Layout::PerHead})
        .add({Role::QkvBias, block("attention.query_key_value.bias"), stored("attn_qkv.bias"), true, Layout::PerHead})
        .add({Role::O, block("attention.dense.weight"), stored("attn_output.weight")})
        .add({Role::OBias, block("attention.dense.bias"), stored("attn_output.bias")})
        .add({Role::MlpNorm, block("post_attention_layernorm.weight"), stored("ffn_norm.weight")})
        .add({Role::MlpNormBias, block("post_attention_layernorm.bias"), stored("ffn_norm.bias")})
        .add({Role::Up, block("mlp.dense_h_to_4h.weight"), stored("ffn_up.weight")})
        .add({Role::UpBias, block("mlp.dense_h_to_4h.bias"), stored("ffn_up.bias")})
        .add({Role::Down, block("mlp.dense_4h_to_h.weight"), stored("ffn_down.weight")})
        .add({Role::DownBias, block("mlp.dense_4h_to_h.bias"), stored("ffn_down.bias")});
    f.norm = NormKind::Layer;
    f.keys.kvHeads.clear();
    f.keys.headWidth.clear();
    f.keys.normEpsilon = "layer_norm_eps";
    f.activation = Activation::Gelu;
    f.activationInFile = true;
    f.gated = false;
    f.folderBase = "rotary_emb_base";
    f.folderFraction = "rotary_pct";
    f.partialRotary = true;
    f.rotaryFraction = 0.25;
    f.finish = finish;
    return f;
}

} // namespace ls::families
