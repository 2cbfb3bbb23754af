#!/usr/bin/env python3
"""Reference values for what the tiny families do not cover: scalings of the rotary embedding, older config.json, other
storage. usage: make_variants.py OUT_DIR.  Needs torch, transformers 5.23, safetensors, gguf.

Every variant is a folder like those in tiny/, with one vocabulary of 128, without interventions.
"""
import json, os, sys
from pathlib import Path
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch, transformers as t
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

C = dict(vocab_size=128, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
         max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
KV = dict(num_key_value_heads=2)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0}
FACTORS = dict(short_factor=[1.0 + 0.1 * i for i in range(8)], long_factor=[1.0 + 0.9 * i for i in range(8)])

VARIANTS = {
    "llama-linear": lambda: t.LlamaConfig(**C, **KV, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    "llama-yarn": lambda: t.LlamaConfig(**C, **KV, rope_parameters=YARN | {"rope_theta": 10000.0}),
    "llama-bias": lambda: t.LlamaConfig(**C, **KV, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "phi3-longrope": lambda: t.Phi3Config(**C, **KV, original_max_position_embeddings=16,
                                          rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, **FACTORS}),
    "phi3-partial": lambda: t.Phi3Config(**C, **KV, original_max_position_embeddings=256, sliding_window=8,
                                         rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75}),
    "gpt-oss-yarn": lambda: t.GptOssConfig(**C, **KV, head_dim=32, num_local_experts=4, num_experts_per_tok=2, sliding_window=8,
                                           rope_parameters=YARN | {"rope_theta": 150000.0, "truncate": False}),
    "olmo3-yarn": lambda: t.Olmo3Config(**C, **KV, sliding_window=8, rope_parameters={
        "full_attention": YARN | {"rope_theta": 500000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}),
    "gemma3-linear": lambda: t.Gemma3TextConfig(**C, **KV, head_dim=32, sliding_window=8, query_pre_attn_scalar=32,
        layer_types=["sliding_attention", "full_attention"] * 2, rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}),
    "gpt-neox-sequential": lambda: t.GPTNeoXConfig(**C, use_parallel_residual=False, hidden_act="gelu_new", rope_parameters={
        "rope_type": "default", "rope_theta": 20000.0, "partial_rotary_factor": 0.5}),
    "stablelm-bias": lambda: t.StableLmConfig(**C, **KV, use_qkv_bias=True, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}),
    "qwen2-sliding": lambda: t.Qwen2Config(**C, **KV, use_sliding_window=True, sliding_window=8, max_window_layers=2),
    "qwen3-moe-raw": lambda: t.Qwen3MoeConfig(**C, **KV, head_dim=32, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=48,
                                              decoder_sparse_step=1, norm_topk_prob=False),
    "mixtral-sliding": lambda: t.MixtralConfig(**C, **KV, num_local_experts=4, num_experts_per_tok=1, sliding_window=8),
    "llama-shards": lambda: t.LlamaConfig(**C, **KV),
}


def random_weights(m, name):
    with torch.no_grad():
        for n, p in m.named_parameters():
            x = (torch.randn_like(p) * 0.25 + 1.0 if p.dim() == 1 and "norm" in n and "bias" not in n and "gemma" not in name
                 else torch.randn_like(p) * (0.12 if p.dim() > 1 else 0.2))
            p.copy_(x.bfloat16().float())


FP4 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])


def to_mxfp4(w):
    """[E, in, out] -> blocks [E, out, in/32, 16], scales [E, out, in/32], and the values they stand for"""
    x = w.transpose(1, 2).reshape(w.shape[0], w.shape[2], -1, 32)
    e = torch.floor(torch.log2(x.abs().amax(-1).clamp_min(1e-9))) - 2
    q = (x / torch.exp2(e)[..., None])[..., None].sub(FP4).abs().argmin(-1)
    values = (FP4[q] * torch.exp2(e)[..., None]).reshape(w.shape[0], w.shape[2], -1).transpose(1, 2)
    return (q[..., 0::2] | q[..., 1::2] << 4).to(torch.uint8), (e + 127).to(torch.uint8), values


def older_config(name, d):
    """What folders of before transformers 5 have"""
    f = d / "config.json"; c = json.loads(f.read_text()); r = c.pop("rope_parameters", None)
    if name in ("llama-linear", "phi3-longrope"):
        c["rope_theta"] = r.pop("rope_theta"); r.pop("partial_rotary_factor", None); c["rope_scaling"] = {"type": r.pop("rope_type"), **r}
        c["rope_scaling"].pop("original_max_position_embeddings", None)
    elif name in ("olmo3-yarn", "gemma3-linear"):
        full = r["full_attention"]; c["rope_theta"] = full.pop("rope_theta"); c["rope_scaling"] = full
        if name == "gemma3-linear": c["rope_local_base_freq"] = 10000.0; c["sliding_window_pattern"] = 2; del c["layer_types"]
    elif name == "gpt-neox-sequential": c["rotary_emb_base"] = 20000; c["rotary_pct"] = 0.5
    elif name == "stablelm-bias": c["rope_theta"] = 10000; c["partial_rotary_factor"] = 0.5
    elif name == "qwen3-moe-raw": c["rope_theta"] = r["rope_theta"]; c["num_experts"] = c.pop("num_local_experts")
    elif name == "qwen2-sliding": c["rope_theta"] = r["rope_theta"]; del c["layer_types"]
    else: c["rope_parameters"] = r
    c.pop("dtype", None); f.write_text(json.dumps(c, indent=1) + "\n")


def store(m, name, d):
    if name == "llama-shards":
        m.to(torch.float16).save_pretrained(d, max_shard_size="60KB"); return m.float()
    m.to(torch.bfloat16).save_pretrained(d)
    older_config(name, d)
    if name == "gpt-oss-yarn":  # the experts as the published files keep them
        w = load_file(d / "model.safetensors")
        for key in [k for k in w if k.endswith(("gate_up_proj", "down_proj"))]:
            w[key + "_blocks"], w[key + "_scales"], values = to_mxfp4(w.pop(key).float())
            m.get_parameter(key).data.copy_(values)
        save_file({k: v.contiguous() for k, v in w.items()}, d / "model.safetensors", metadata={"format": "pt"})
        c = json.loads((d / "config.json").read_text()); c["quantization_config"] = {"quant_method": "mxfp4"}
        (d / "config.json").write_text(json.dumps(c, indent=1) + "\n")
    return m.float()


def record(m, ids):
    out, hooks = {}, []
    base = m.base_model
    blocks = next(getattr(base, a) for a in ("layers", "h") if hasattr(base, a))
    first = lambda o: o[0] if isinstance(o, tuple) else o
    for i, b in enumerate(blocks):
        if i == 0: hooks.append(b.register_forward_pre_hook(lambda mod, a, k: out.__setitem__(
            "blocks.0.hook_resid_pre", (a[0] if a else k["hidden_states"])[0].clone()), with_kwargs=True))
        hooks.append(b.register_forward_hook(lambda mod, a, o, i=i: out.__setitem__(f"blocks.{i}.hook_resid_post", first(o)[0].clone())))
    with torch.no_grad(): o = m(ids, use_cache=False, output_attentions=True)
    for h in hooks: h.remove()
    for i, p in enumerate(o.attentions or []): out[f"blocks.{i}.attn.hook_pattern"] = p[0]
    out["logits"] = o.logits[0]
    return out


def greedy(m, ids, n):
    x, gaps = ids, []
    for _ in range(n):
        with torch.no_grad(): lg = m(x, use_cache=False).logits[0, -1]
        top = lg.topk(2); gaps.append(((top.values[0] - top.values[1]) / lg.abs().max()).item())
        x = torch.cat([x, top.indices[:1][None]], 1)
    return {"greedy": x[0, ids.shape[1]:].int(), "greedy_gap": torch.tensor(gaps)}


def to_gguf(m, name, d):
    """The same model as a GGUF file, for scalings that no tiny GGUF has"""
    import gguf
    arch, kind = {"olmo3-yarn": ("olmo2", gguf.MODEL_ARCH.OLMO2), "gemma3-linear": ("gemma3", gguf.MODEL_ARCH.GEMMA3),
                  "phi3-longrope": ("phi3", gguf.MODEL_ARCH.PHI3)}[name]
    c, w = m.config, gguf.GGUFWriter(d / "model.gguf", arch)
    w.add_block_count(4); w.add_context_length(256); w.add_embedding_length(64); w.add_feed_forward_length(96)
    w.add_head_count(4); w.add_head_count_kv(2); w.add_layer_norm_rms_eps(c.rms_norm_eps); w.add_vocab_size(128)
    if name == "gemma3-linear":
        w.add_key_length(32); w.add_value_length(32); w.add_rope_freq_base(1e6); w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(8.0); w.add_sliding_window(8); w.add_sliding_window_pattern([True, False] * 2)
    elif name == "olmo3-yarn":
        w.add_rope_freq_base(5e5); w.add_sliding_window(8); w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(4.0); w.add_rope_scaling_orig_ctx_len(64)
    else:
        w.add_rope_freq_base(1e4); w.add_rope_dimension_count(16); w.add_rope_scaling_orig_ctx_len(16)
        w.add_tensor("rope_factors_short.weight", torch.tensor(FACTORS["short_factor"]).numpy())
        w.add_tensor("rope_factors_long.weight", torch.tensor(FACTORS["long_factor"]).numpy())
    names = gguf.get_tensor_name_map(kind, 4)
    for key, p in m.state_dict().items():
        if key == "lm_head.weight" and c.tie_word_embeddings: continue
        x = p.float() + (1 if "gemma" in name and "norm" in key else 0)
        w.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), x.numpy())
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


def main():
    torch.set_num_threads(1)
    for name, config in VARIANTS.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]: continue
        torch.manual_seed(0)
        m = AutoModelForCausalLM.from_config(config(), attn_implementation="eager", dtype=torch.float32).eval()
        random_weights(m, name)
        d = Path(sys.argv[1]) / name
        m = store(m, name, d)
        if name == "gpt-oss-yarn":  # conversion to bfloat16 and back has rounded the rotary tables of m
            fresh = AutoModelForCausalLM.from_config(config(), attn_implementation="eager", dtype=torch.float32).eval()
            fresh.load_state_dict(m.state_dict()); m = fresh
        else:  # what the reference reads of the file, older settings included
            m = AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32, attn_implementation="eager").eval()
        g = torch.Generator().manual_seed(100)
        arrays = {}
        for prompt, n in (("short", 5), ("long", 24)):
            ids = torch.randint(3, 128, (1, n), generator=g)
            arrays[f"{prompt}/ids"] = ids[0].int()
            arrays |= {f"{prompt}/{k}": v.contiguous().float() for k, v in record(m, ids).items()}
            arrays |= {f"{prompt}/{k}": v for k, v in greedy(m, ids, 8).items()}
        save_file(arrays, d / "golden.safetensors")
        (d / "generation_config.json").unlink(missing_ok=True)
        if name in ("olmo3-yarn", "gemma3-linear", "phi3-longrope"): to_gguf(m, name, d)
        print(name, sum(f.stat().st_size for f in d.iterdir()) // 1024, "KB", flush=True)


main()
