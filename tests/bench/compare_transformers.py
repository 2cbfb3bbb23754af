"""Speed of transformers (PyTorch eager) as rows of llama-bench's JSON, for `layerscope-cli bench --compare`.

usage: compare_transformers.py MODEL.gguf CACHE --dtype float32 -p 512 -n 128 -r 3 -t 2

The GGUF file's weights, dequantised; eager attention, inference mode, cache in the weights' type. As in generate(), a
prompt computes the logits of its last token only. Token ids are random; a warm-up run of each test does not count.
"""
import argparse
import json
import statistics
import time

import torch
from hf_folder import folder_of
from transformers import AutoModelForCausalLM, DynamicCache


def repetition(model, ids, prompt, count):
    """Seconds of `prompt` tokens at once and then `count` one by one."""
    cache = DynamicCache(config=model.config)
    start = time.perf_counter()
    if prompt:
        model(ids[:, :prompt], past_key_values=cache, use_cache=True, logits_to_keep=1)
    for i in range(prompt, prompt + count):
        model(ids[:, i:i + 1], past_key_values=cache, use_cache=True, logits_to_keep=1)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model"), parser.add_argument("cache")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("-p", type=int, default=512)
    parser.add_argument("-n", type=int, default=128)
    parser.add_argument("-r", type=int, default=3)
    parser.add_argument("-t", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.t)
    model = AutoModelForCausalLM.from_pretrained(
        folder_of(args.model, args.cache), dtype=getattr(torch, args.dtype), attn_implementation="eager").eval()
    rows = []
    with torch.inference_mode():
        for prompt, count in ((args.p, 0), (0, args.n)):
            tokens = prompt + count
            if not tokens:
                continue
            ids = torch.randint(0, model.config.vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
            seconds = [repetition(model, ids, prompt, count) for _ in range(args.r + 1)][1:]
            rates = [tokens / s for s in seconds]
            rows.append({
                "model_filename": args.model, "n_threads": torch.get_num_threads(), "n_prompt": prompt, "n_gen": count,
                "n_depth": 0, "avg_ts": statistics.mean(rates), "samples_ts": rates,
                "samples_ns": [round(1e9 * s) for s in seconds],
            })
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
