#!/usr/bin/env python3
"""Writes the seed_* inputs of the corpora gguf, safetensors, control_vector and protocol: small right files."""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
         "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110),
         "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
         "IQ4_XS": (23, 256, 136), "BF16": (30, 1, 2), "MXFP4": (39, 32, 17), "IQ2_XXS": (16, 256, 66)}


def keep(corpus, name, data):
    folder = CORPUS / corpus
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed_" + name)).write_bytes(data)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, x):
    """kind: u8 ... as the format numbers them, "s" text, ["s"] a list of texts."""
    codes = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"), "i32": (5, "i"),
             "f32": (6, "f"), "bool": (7, "B"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}
    if isinstance(kind, list):
        inner = [value(kind[0], item) for item in x]
        code = inner[0][0] if inner else struct.pack("<I", 4)
        return struct.pack("<I", 9), code + struct.pack("<Q", len(x)) + b"".join(body for _, body in inner)
    if kind == "s":
        return struct.pack("<I", 8), text(x)
    code, letter = codes[kind]
    return struct.pack("<I", code), struct.pack("<" + letter, x)


def gguf(keys, tensors, version=3, alignment=32):
    head, data = b"", b""
    for name, kind, x in keys:
        code, body = value(kind, x)
        head += text(name) + code + body
    for name, kind, shape in tensors:
        number, values, size = TYPES[kind]
        count = 1
        for extent in shape:
            count *= extent
        data += b"\0" * (-len(data) % alignment)
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", number, len(data))
        data += bytes((i * 7 + 60) % 251 for i in range(count // values * size))
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + head
    return head + b"\0" * (-len(head) % alignment) + data


def gguf_seeds():
    keep("gguf", "empty", gguf([], []))
    for kind in TYPES:
        keep("gguf", kind.lower(), gguf([("general.architecture", "s", "llama")], [("t", kind, [256])]))
    everything = [("k." + kind, kind, 1) for kind in ("u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "u64",
                                                      "i64", "f64")]
    everything += [("k.s", "s", "text"), ("k.list", ["i32"], [1, 2, 3]), ("k.lists", [["u8"]], [[1], [], [2, 3]]),
                   ("k.long", ["u16"], list(range(20))), ("k.bools", ["bool"], [1, 0])]
    keep("gguf", "kinds", gguf(everything, [("a", "F32", [2, 2]), ("b", "F16", [4])], version=2))
    keep("gguf", "alignment", gguf([("general.alignment", "u32", 64)], [("a", "F32", [3]), ("b", "Q8_0", [32, 2])],
                                   alignment=64))
    letters = ["a", "b", "ab", "\u0120", "<s>", "\u010a", "\u00c3", "\u00a9"]
    keep("gguf", "bpe", gguf([("tokenizer.ggml.model", "s", "gpt2"), ("tokenizer.ggml.pre", "s", "smollm"),
                              ("tokenizer.ggml.tokens", ["s"], letters),
                              ("tokenizer.ggml.token_type", ["i32"], [1, 1, 1, 1, 3, 1, 1, 1]),
                              ("tokenizer.ggml.merges", ["s"], ["a b"]),
                              ("tokenizer.ggml.bos_token_id", "u32", 4),
                              ("tokenizer.ggml.add_bos_token", "bool", 1)], []))
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581", "a", "b", "ab", "\u2581a"]
    keep("gguf", "pieces", gguf([("tokenizer.ggml.model", "s", "llama"), ("tokenizer.ggml.tokens", ["s"], pieces),
                                 ("tokenizer.ggml.scores", ["f32"], [-float(i) for i in range(len(pieces))]),
                                 ("tokenizer.ggml.token_type", ["i32"], [2, 3, 3] + [6] * 256 + [1] * 5),
                                 ("tokenizer.ggml.bos_token_id", "u32", 1),
                                 ("tokenizer.ggml.eos_token_id", "u32", 2)], []))


def safetensors(header, data=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def safetensors_seeds():
    widths = {"BOOL": 1, "U8": 1, "F8_E4M3": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8}
    for dtype, width in widths.items():
        keep("safetensors", dtype.lower(), safetensors({"t": {"dtype": dtype, "shape": [2, 3],
                                                              "data_offsets": [0, 6 * width]}}, bytes(6 * width)))
    two = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
           "b": {"dtype": "F16", "shape": [], "data_offsets": [8, 10]},
           "none": {"dtype": "F32", "shape": [0], "data_offsets": [10, 10]}}
    keep("safetensors", "two", safetensors(two, bytes(10)))
    keep("safetensors", "empty", safetensors({}))
    keep("safetensors", "unicode", safetensors({"\u6771\u4eac": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}},
                                               b"x"))


def vector_seeds():
    keep("control_vector", "gguf", gguf([("general.architecture", "s", "controlvector"),
                                         ("controlvector.model_hint", "s", "llama"),
                                         ("controlvector.layer_count", "i32", 2)],
                                        [("direction.1", "F32", [8]), ("direction.2", "F32", [8])]))
    keep("control_vector", "half", gguf([], [("direction.3", "F16", [8])]))
    keep("control_vector", "quantised", gguf([], [("direction.3", "Q8_0", [32])]))
    row = struct.pack("<4f", 1, -2, 3, 0.5)
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    keep("control_vector", "shared", safetensors({"vector": one}, row))
    keep("control_vector", "layers", safetensors({"direction.1": dict(one, shape=[1, 4]),
                                                  "direction.12": dict(one, data_offsets=[16, 32])}, row + row))


def cbor(x):
    def head(major, n):
        for code, letter, limit in ((24, "B", 1 << 8), (25, "H", 1 << 16), (26, "I", 1 << 32), (27, "Q", 1 << 64)):
            if n < 24:
                return bytes([major << 5 | n])
            if n < limit:
                return bytes([major << 5 | code]) + struct.pack(">" + letter, n)
        raise ValueError(n)
    if x is None or isinstance(x, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[x]
    if isinstance(x, int):
        return head(0, x) if x >= 0 else head(1, -1 - x)
    if isinstance(x, float):
        return b"\xfb" + struct.pack(">d", x)
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        return head(3, len(x.encode())) + x.encode()
    if isinstance(x, list):
        return head(4, len(x)) + b"".join(map(cbor, x))
    return head(5, len(x)) + b"".join(cbor(k) + cbor(v) for k, v in x.items())


def protocol_seeds():
    tensor = {"dtype": "f32", "shape": [2], "data": struct.pack("<2f", 1.5, -2)}
    messages = [
        {"type": "hello", "version": 3, "client": "x"},
        {"type": "open_model", "request_id": 1, "path": "/m.gguf", "device": "cpu", "dtype": "float32",
         "context_length": 0, "threads": 0},
        {"type": "generate", "request_id": 2, "prompt": {"text": "a", "messages": "[{\"role\": \"user\"}]", "ids": [1]},
         "sampler": {"temperature": 0.5, "top_p": 0.9, "seed": 7}, "max_tokens": 3, "ignore_eos": True,
         "lanes": [{"name": "A", "methods": []},
                   {"name": "B", "methods": [{"method": "layer_skip", "params": {"blocks": [1]}}]}],
         "probes": ["logit_lens"]},
        {"type": "set_methods", "request_id": 3, "lane": "B", "methods": [], "policy": "auto"},
        {"type": "cancel", "request_id": 4, "target": 2}, {"type": "shutdown"},
        {"type": "tokenize", "request_id": 5, "texts": ["a", "b"], "special": True, "path": ""},
        {"type": "ready", "version": 3, "engine": "e", "devices": [{"id": "cpu", "title": "CPU", "available": True}]},
        {"type": "token", "request_id": 2, "lane": "A", "position": 3, "id": 17, "text": "x", "origin": "generated",
         "logprob": -0.5, "entropy": 1.5, "top": [{"id": 1, "text": "y", "logprob": -1.0}], "time_us": 9, "step_us": 8},
        {"type": "tap", "request_id": 2, "lane": "A", "position": 3, "output": "resid_norm", "value": tensor,
         "texts": ["a"]},
        {"type": "failed", "request_id": 2, "code": "internal", "message": "m", "hint": "h", "detail": "d"},
        {"type": "experiment_row", "request_id": 6, "index": 0, "row": {"a": [1, None, 2.5, True, {"b": "c"}]}},
        {"type": "stages", "request_id": 2, "lane": "A", "since": {
            "tokenize_ns": 5, "prefill": {"tokens": 3, "ns": {"qkv": 70, "attention": 8}},
            "decode": {"tokens": 2, "ns": {"mlp": 900, "other": 1}}, "probes_ns": 0}},
        {"type": "lane_done", "request_id": 2, "lane": "A", "reason": "eos", "generated": 2},
    ]
    for message in messages:
        payload = cbor(message)
        keep("protocol", message["type"], b"\x40" + struct.pack("<I", len(payload)) + payload)
    both = b"".join(struct.pack("<I", len(cbor(m))) + cbor(m) for m in messages[:2])
    keep("protocol", "two", b"\x02" + both)


gguf_seeds()
safetensors_seeds()
vector_seeds()
protocol_seeds()
# Sessions: {cell, row, type, length, value}; types 0 text, 1 blob, 2 integer, 3 real, 4 null.
keep("session", "unchanged", b"")
for cell in range(45):
    keep("session", f"cell_{cell:02}", bytes([cell, 0, 0, 2]) + b"[]" + bytes([cell, 1, 2, 8]) + struct.pack("<q", 7))
