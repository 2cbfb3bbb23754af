#include "engine/model/family.h"

#include <algorithm>

namespace ls {

TensorRules& TensorRules::add(TensorRule rule)
{
    m_rules.push_back(std::move(rule));
    return *this;
}

TensorRules& TensorRules::remove(Role role)
{
    std::erase_if(m_rules, [&](const TensorRule& rule) { return rule.role == role; });
    return *this;
}

TensorRules& TensorRules::require(Role role)
{
    for (TensorRule& rule : m_rules)
        if (rule.role == role)
            rule.required = true;
    return *this;
}

TensorRules& TensorRules::rename(Role role, std::string folder, std::string gguf)
{
    for (TensorRule& rule : m_rules) {
        if (rule.role != role)
            continue;
        if (!folder.empty())
            rule.folder = folder;
        if (!gguf.empty())
            rule.gguf = gguf;
    }
    return *this;
}

TensorRules& TensorRules::rotaryPairsInGguf()
{
    for (TensorRule& rule : m_rules)
        if (rule.role == Role::Q || rule.role == Role::K || rule.role == Role::QBias || rule.role == Role::KBias)
            rule.ggufLayout = Layout::RotaryPairs;
    return *this;
}

TensorRules commonTensors()
{
    TensorRules rules;
    rules.add({Role::Embedding, "model.embed_tokens.weight", "token_embd.weight"})
        .add({Role::FinalNorm, "model.norm.weight", "output_norm.weight"})
        .add({Role::Unembedding, "lm_head.weight", "output.weight", false})
        .add({Role::AttnNorm, "model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight"})
        .add({Role::Q, "model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight"})
        .add({Role::K, "model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight"})
        .add({Role::V, "model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight"})
        .add({Role::O, "model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight"})
        .add({Role::QBias, "model.layers.{}.self_attn.q_proj.bias", "blk.{}.attn_q.bias", false})
        .add({Role::KBias, "model.layers.{}.self_attn.k_proj.bias", "blk.{}.attn_k.bias", false})
        .add({Role::VBias, "model.layers.{}.self_attn.v_proj.bias", "blk.{}.attn_v.bias", false})
        .add({Role::OBias, "model.layers.{}.self_attn.o_proj.bias", "blk.{}.attn_output.bias", false})
        .add({Role::MlpNorm, "model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight"})
        .add({Role::Gate, "model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight"})
        .add({Role::Up, "model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight"})
        .add({Role::Down, "model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight"})
        .add({Role::GateBias, "model.layers.{}.mlp.gate_proj.bias", "blk.{}.ffn_gate.bias", false})
        .add({Role::UpBias, "model.layers.{}.mlp.up_proj.bias", "blk.{}.ffn_up.bias", false})
        .add({Role::DownBias, "model.layers.{}.mlp.down_proj.bias", "blk.{}.ffn_down.bias", false});
    return rules;
}

TensorRules withExperts(TensorRules rules, const std::string& folderPrefix, const std::string& gate,
                        const std::string& up, const std::string& down)
{
    for (const Role role : {Role::Gate, Role::Up, Role::Down, Role::GateBias, Role::UpBias, Role::DownBias})
        rules.remove(role);
    const std::string prefix = "model.layers.{}." + folderPrefix;
    rules.add({Role::Router, prefix + "gate.weight", "blk.{}.ffn_gate_inp.weight"})
        .add({Role::Gate, prefix + "experts.{}." + gate + ".weight", "blk.{}.ffn_gate_exps.weight"})
        .add({Role::Up, prefix + "experts.{}." + up + ".weight", "blk.{}.ffn_up_exps.weight"})
        .add({Role::Down, prefix + "experts.{}." + down + ".weight", "blk.{}.ffn_down_exps.weight"});
    return rules;
}

} // namespace ls
