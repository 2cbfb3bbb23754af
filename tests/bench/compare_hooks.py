"""What hooks cost in TransformerLens and nnsight on SmolLM2-135M, each against the same library without them.

usage: compare_hooks.py MODEL.gguf CACHE [--rounds 15] [--tokens 4] [--prompt 128] [-t 2]

Same weights (dequantised, float32) and same work as bench_hooks: decode steps after 64 tokens and a prompt, with and
without the norm and a projection, and a copy, of resid_post of all layers, and one layer steered. "wrapped" is the
library with nothing on against plain transformers. Variants run in turn in random order; ratios are of mean times with
a bootstrapped 95 % interval over rounds.
"""
import argparse
import random
import time

import torch
from hf_folder import folder_of
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

DEPTH = 64  # tokens in the cache before the decode steps


class Plain:
    """transformers with PyTorch's own forward hooks, or without any."""

    def __init__(self, model, what=None):
        self.model, self.what, self.cache = model, what, None
        self.layers = model.model.layers
        self.unit = torch.ones(model.config.hidden_size) / model.config.hidden_size**0.5
        self.kept = []

    def hook(self, layer):
        def read(module, inputs, output):
            stream = output[0] if isinstance(output, tuple) else output
            if self.what == "norms":
                self.kept.append((stream.norm(dim=-1), stream @ self.unit))
            elif self.what == "copy":
                self.kept.append(stream.clone())
            else:
                return (stream + 0.01,) + output[1:] if isinstance(output, tuple) else stream + 0.01
        return read

    def run(self, ids):
        layers = [] if self.what is None else [len(self.layers) // 2] if self.what == "steer" else range(len(self.layers))
        handles = [self.layers[i].register_forward_hook(self.hook(i)) for i in layers]
        self.model(ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        for handle in handles:
            handle.remove()
        self.check()

    def check(self):
        """A hook that never fired costs nothing and would look good."""
        if self.what in ("norms", "copy") and len(self.kept) != len(self.layers):
            raise RuntimeError(f"{type(self).__name__}: {len(self.kept)} of {len(self.layers)} hooks fired")
        self.kept.clear()

    def start(self, ids):
        self.cache = DynamicCache(config=self.model.config)
        if ids.shape[1]:
            self.model(ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)


class Nnsight(Plain):
    """The same model inside nnsight: every call is a trace."""

    def __init__(self, model, wrapped, what=None):
        super().__init__(model, what)
        self.wrapped = wrapped

    def run(self, ids):
        layers, unit, kept = self.wrapped.model.layers, self.unit, self.kept
        with self.wrapped.trace(ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1):
            if self.what == "norms":
                for layer in layers:
                    stream = layer.output[0] if isinstance(layer.output, tuple) else layer.output
                    kept.append((stream.norm(dim=-1), stream @ unit))
            elif self.what == "copy":
                for layer in layers:
                    stream = layer.output[0] if isinstance(layer.output, tuple) else layer.output
                    kept.append(stream.clone())
            elif self.what == "steer":
                layer = layers[len(layers) // 2]
                stream = layer.output[0] if isinstance(layer.output, tuple) else layer.output
                stream[:] = stream + 0.01
        self.check()


class Lens(Plain):
    """TransformerLens: TransformerBridge, hooks by name."""

    def __init__(self, model, bridge, what=None):
        super().__init__(model, what)
        self.bridge = bridge

    def run(self, ids):
        hooks = []
        count = len(self.layers)
        for i in [] if self.what is None else [count // 2] if self.what == "steer" else range(count):
            hooks.append((f"blocks.{i}.hook_resid_post", self.lens_hook))
        self.bridge.run_with_hooks(ids, fwd_hooks=hooks, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.check()

    def lens_hook(self, value, hook):
        if self.what == "norms":
            self.kept.append((value.norm(dim=-1), value @ self.unit))
        elif self.what == "copy":
            self.kept.append(value.clone())
        else:
            return value + 0.01


def interval(numerators, denominators, draws=2000):
    """mean / mean with its 95 % percentile bootstrap interval; units are rounds."""
    a, b = torch.tensor(numerators), torch.tensor(denominators)
    pick = torch.randint(0, len(a), (draws, len(a)), generator=torch.Generator().manual_seed(0))
    ratios = (a[pick].mean(1) / b[pick].mean(1)).sort().values
    return float(a.mean() / b.mean()), float(ratios[int(0.025 * draws)]), float(ratios[int(0.975 * draws)])


def measure(variants, ids, rounds, tokens, prompt):
    """{name: ([decode seconds], [prefill seconds])} a round."""
    times = {name: ([], []) for name in variants}
    order = list(variants)
    rng = random.Random(0)
    for round_number in range(-1, rounds):
        spent = {name: [0.0, 0.0] for name in variants}
        for token in range(-1, tokens):
            rng.shuffle(order)
            for name in order:
                variant = variants[name]
                if token < 0:
                    variant.start(ids[:, :0])
                piece = ids[:, :prompt] if token < 0 else ids[:, DEPTH + token:DEPTH + token + 1]
                start = time.perf_counter()
                variant.run(piece)
                spent[name][token < 0] += time.perf_counter() - start
                if token < 0:
                    variant.start(ids[:, :DEPTH])
        for name in variants:
            if round_number >= 0:
                times[name][0].append(spent[name][0])
                times[name][1].append(spent[name][1])
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model"), parser.add_argument("cache")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=4)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("-t", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.t)
    import nnsight
    import transformer_lens
    from nnsight import LanguageModel
    from transformer_lens.model_bridge import TransformerBridge

    folder = str(folder_of(args.model, args.cache))

    def load():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()

    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain, inner = load(), load()
    wrapped = LanguageModel(inner, tokenizer=tokenizer)
    bridge = TransformerBridge.boot_transformers(folder, dtype=torch.float32, device="cpu", hf_model=load(),
                                                 tokenizer=tokenizer)
    kinds = {"nothing on": None, "norm and projection of resid_post, all layers": "norms",
             "copy of resid_post, all layers": "copy", "one layer steered": "steer"}
    variants = {}
    for title, what in kinds.items():
        variants["transformers", title] = Plain(plain, what)
        variants[f"nnsight {nnsight.__version__}", title] = Nnsight(inner, wrapped, what)
        variants[f"TransformerLens {getattr(transformer_lens, '__version__', '4')}", title] = Lens(plain, bridge, what)
    ids = torch.randint(0, plain.config.vocab_size, (1, max(args.prompt, DEPTH + args.tokens)),
                        generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        times = measure(variants, ids, args.rounds, args.tokens, args.prompt)
    print(f"SmolLM2-135M, float32, {args.t} threads, {args.rounds} rounds of {args.tokens} decode steps and a prompt of "
          f"{args.prompt}\n")
    print("| library | stage | what | time, relative | 95 % interval | ms a step or prompt |")
    print("|---|---|---|---|---|---|")
    for (library, title), pair in times.items():
        for stage, seconds in zip(("decode", "prefill"), pair):
            base = times["transformers", "nothing on"] if title == "nothing on" else times[library, "nothing on"]
            if (library, title) == ("transformers", "nothing on"):
                ratio = ("1 (base)", "")
            else:
                value, low, high = interval(seconds, base[stage == "prefill"])
                ratio = (f"{value:.3f}", f"{low:.3f} to {high:.3f}")
            each = 1e3 * sum(seconds) / len(seconds) / (args.tokens if stage == "decode" else 1)
            name = "wrapped, nothing on" if title == "nothing on" and library != "transformers" else title
            print(f"| {library} | {stage} | {name} | {ratio[0]} | {ratio[1]} | {each:.1f} |")


if __name__ == "__main__":
    main()
