#include "engine/model/families/families.h"

namespace ls::families {

/// Learned positions, LayerNorm, a plain MLP. Radford et al. 2019. Matrices of the folder are stored [in, out].
Family gpt2()
{
    const auto block = [](const char* name) { return std::string("transformer.h.{}.") + name; };
    const auto stored = [](const char* name) { return std::string("blk.{}.") + name; };
    const auto transposed = [&](Role role, const char* folder, const char* gguf) {
        return TensorRule{role, block(folder), stored(gguf), true, Layout::Same, Layout::Same, true};
    };
    Family f;
    f.name = "gpt2";
    f.modelTypes = {"gpt2"};
    f.architectures = {"gpt2"};
    f.optionalPrefix = "transformer.";
    f.ignored = {".attn.bias", ".attn.masked_bias"}; // causal masks
    f.tensors.add({Role::Embedding, "transformer.wte.weight", "token_embd.weight"})
        .add({Role::Positions, "transformer.wpe.weight", "position_embd.weight"})
        .add({Role::FinalNorm, "transformer.ln_f.weight", "output_norm.weight"})
        .add({Role::FinalNormBias, "transformer.ln_f.bias", "output_norm.bias"})
        .add({Role::Unembedding, "lm_head.weight", "output.weight", false})
        .add({Role::AttnNorm, block("ln_1.weight"), stored("attn_norm.weight")})
        .add({Role::AttnNormBias, block("ln_1.bias"), stored("attn_norm.bias")})
        .add(transposed(Role::Qkv, "attn.c_attn.weight", "attn_qkv.weight"))
        .add({Role::QkvBias, block("attn.c_attn.bias"), stored("attn_qkv.bias")})
        .add(transposed(Role::O, "attn.c_proj.weight", "attn_output.weight"))
        .add({Role::OBias, block("attn.c_proj.bias"), stored("attn_output.bias")})
        .add({Role::MlpNorm, block("ln_2.weight"), stored("ffn_norm.weight")})
        .add({Role::MlpNormBias, block("ln_2.bias"), stored("ffn_norm.bias")})
        .add(transposed(Role::Up, "mlp.c_fc.weight", "ffn_up.weight"))
        .add({Role::UpBias, block("mlp.c_fc.bias"), stored("ffn_up.bias")})
        .add(transposed(Role::Down, "mlp.c_proj.weight", "ffn_down.weight"))
        .add({Role::DownBias, block("mlp.c_proj.bias"), stored("ffn_down.bias")});
    f.norm = NormKind::Layer;
    f.tiedByDefault = true;
    f.keys = {
        "n_layer", "n_embd", "n_head", {}, {}, "n_inner", "n_positions", "layer_norm_epsilon", "activation_function"};
    f.activation = Activation::GeluTanh;
    f.activationInFile = true;
    f.gated = false;
    f.rotary = false;
    f.onlyTested = {{{"scale_attn_weights", {}}, true, "does not scale its attention scores"},
                    {{"scale_attn_by_inverse_layer_idx", {}}, false, "scales attention scores by the layer"},
                    {{"add_cross_attention", {}}, false, "attends to another model"}};
    return f;
}

} // namespace ls::families
