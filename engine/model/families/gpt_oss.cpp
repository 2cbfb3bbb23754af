#include "engine/model/families/families.h"

namespace ls::families {

namespace {

Status finish(const ConfigReader& reader, ModelConfig& config)
{
    LS_TRY(config.swigluAlpha, reader.number({"swiglu_alpha", {}}, 1e-6, 1e6, 1.702));
    LS_TRY(config.swigluLimit, reader.number({"swiglu_limit", {}}, 1e-6, 1e6, 7.0));
    return success();
}

} // namespace

/// Attention sinks, biases everywhere, every other layer sliding, experts with a clamped SwiGLU, kept in MXFP4 by the
/// published files. gpt-oss model card, OpenAI 2025 (arXiv 2508.10925).
Family gptOss()
{
    const auto block = [](const char* name) { return std::string("model.layers.{}.") + name; };
    const auto stored = [](const char* name) { return std::string("blk.{}.") + name; };
    Family f;
    f.name = "gpt-oss";
    f.modelTypes = {"gpt_oss"};
    f.architectures = {"gpt-oss"};
    f.tensors = commonTensors().rename(Role::MlpNorm, {}, stored("post_attention_norm.weight"));
    for (const Role role : {Role::Gate, Role::Up, Role::Down, Role::GateBias, Role::UpBias, Role::DownBias})
        f.tensors.remove(role);
    for (const Role role : {Role::QBias, Role::KBias, Role::VBias, Role::OBias})
        f.tensors.require(role);
    f.tensors.add({Role::Sinks, block("self_attn.sinks"), stored("attn_sinks.weight")})
        .add({Role::Router, block("mlp.router.weight"), stored("ffn_gate_inp.weight")})
        .add({Role::RouterBias, block("mlp.router.bias"), stored("ffn_gate_inp.bias")})
        .add({Role::GateUp, block("mlp.experts.gate_up_proj"), {}, true, Layout::Alternating, Layout::Same, true})
        .add({Role::GateUpBias, block("mlp.experts.gate_up_proj_bias"), {}, true, Layout::Alternating})
        .add({Role::Down, block("mlp.experts.down_proj"), stored("ffn_down_exps.weight"), true, Layout::Same,
              Layout::Same, true})
        .add({Role::DownBias, block("mlp.experts.down_proj_bias"), stored("ffn_down_exps.bias")})
        .add({Role::Gate, {}, stored("ffn_gate_exps.weight")})
        .add({Role::Up, {}, stored("ffn_up_exps.weight")})
        .add({Role::GateBias, {}, stored("ffn_gate_exps.bias")})
        .add({Role::UpBias, {}, stored("ffn_up_exps.bias")});
    f.activation = Activation::ClampedSwiglu;
    f.expertCount = "num_local_experts";
    f.rotaryBase = 150000.0;
    f.yarnUntruncatedInGguf = true;
    f.slides = true;
    f.fullEvery = 2;
    f.finish = finish;
    return f;
}

} // namespace ls::families
