"""Negative log-likelihoods of a text as the reference implementation computes them, window by window.

usage: make_reference.py TEXT MODEL.gguf OUT.json [--tokens 20000] [--context 512]

Windows of `context` ids that do not overlap; a tokenizer that adds BOS puts one before each window, and then every id of
the window is scored, else every id but the first. float32, eager attention. Needs torch, transformers 5.23, gguf,
accelerate.
"""
import argparse
import json
import math
import pathlib

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text"), parser.add_argument("model"), parser.add_argument("out")
    parser.add_argument("--tokens", type=int, default=20000)
    parser.add_argument("--context", type=int, default=512)
    args = parser.parse_args()
    path = pathlib.Path(args.model)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    text = pathlib.Path(args.text).read_bytes().decode("utf-8")
    ids = tokenizer(text)["input_ids"]
    bos = [ids[0]] if ids and ids[0] == tokenizer.bos_token_id else []
    ids = ids[len(bos):][: args.tokens]
    windows = []
    with torch.no_grad():
        for first in range(0, len(ids), args.context):
            run = torch.tensor([bos + ids[first:first + args.context]])
            if run.shape[1] < 2:
                break
            logits = model(run).logits[0, :-1].double()
            nll = -torch.log_softmax(logits, -1).gather(1, run[0, 1:, None])[:, 0]
            windows.append({"first": first, "scored": int(nll.numel()), "nll_sum": float(nll.sum())})
    scored = sum(w["scored"] for w in windows)
    mean = sum(w["nll_sum"] for w in windows) / scored
    result = {
        "model": path.name, "transformers": transformers.__version__, "torch": torch.__version__,
        "dtype": "float32", "context": args.context, "ids": len(ids), "first_ids": ids[:16], "scored": scored,
        "nll": mean, "ppl": math.exp(mean), "windows": windows,
    }
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(result["ppl"], mean, scored)


if __name__ == "__main__":
    main()
