#!/usr/bin/env python3
"""Token ids and decoded text of the reference (Hugging Face tokenizers 0.23.3), for texts and settings that the golden
files do not reach.

usage: make_tokenizer_claims.py [--random N] [--seed S] [--out DIR]

Reads golden/tokenizers/NAME/tokenizer.json beside this script; writes DIR/NAME.json (default: tokenizers/ beside it):
{"base": NAME, "variants": [{"name", "set": {parts of tokenizer.json that replace those of the base},
                             "cases": [{"text", "ids", "decoded", "plain"}]}]}
"ids" and "decoded" with special tokens, "plain": ids when special tokens are text and none are added, if they differ.
"""
import argparse, copy, json, random, unicodedata
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).parent

TEXTS = [
    # emoji, sequences, flags, keycaps
    "👍🏽 👩🏾‍💻 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ☃️ ❤️‍🔥", "🫠", "a👨‍👩‍👧‍👦b",
    # scripts
    "中文字符測試，繁體與简体。", "日本語のテキスト、カタカナ、ひらがな。", "한국어 텍스트 조선말", "ภาษาไทยไม่มีช่องว่าง", "हिन्दी में लिखा हुआ",
    "বাংলা লেখা", "தமிழ் எழுத்து", "ქართული", "Ελληνικά με τόνους", "Tiếng Việt có dấu", "עברית עם נִקּוּד", "العربية مع تَشْكِيل", "አማርኛ", "𐎀𐎁 𓀀𓂀 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    # combining marks and normal forms
    "e\u0301\u0323 o\u0323\u0301 \u1e69 s\u0323\u0307", "A\u030a \u00c5 \u212b", "ﬁ ﬂ ﬃ ½ ² Ⅳ ㎏ ①", "\u0301lone mark", "q\u0307\u0323", "가 \u1100\u1161 각",
    "İ I ı i ẞ ß Σ σ ς ǅ ᾳ", "\u2126 \u03a9 \uff21\uff22\uff23 ｶﾞ",
    # spaces of all kinds
    " ", "  ", "   ", "\t", "\t\t", "\n\n", "\r", "\r\n", "\r\n\r\n", " \n", "\n ", " \t \n \r\n x", "a" + " " * 40 + "b", " " * 70, "x\u00a0y\u2003z\u3000w\u1680v\u2028u\u2029t\u0085s",
    "a\u180eb \u180e c", "\u200b\u200c\u200d\u2060\ufeff", "line one\nline two\r\nline three\rline four\n\n\nend",
    "  def f(x):\n\treturn x\n\n\n    pass\n", "trailing   ", "   leading", " a  b   c    d ", "\x0b\x0c vertical",
    # control and rare characters
    "\x00", "a\x00b", "\x01\x02\x03", "\x1f\x7f\x80\x9f", "\ufffd", "\ufffe\uffff", "\U0010ffff", "\ue000 private", "\U000e0041 tag",
    # digits and signs
    "0 00 000 0000 00000 1234567890", "1,234,567.89 -3.5e-7 0x1F 1_000", "٣٤٥ ४५६ ５６７ ௧௨௩", "x²+y³=z⁴", "10%", "$1.50 €2 £3 ¥4", "3rd 4TH 5'th", "2024-01-31T12:34:56Z",
    "!?!?", "...", "---", "___", "a.b,c;d:e!f?g", "(a)[b]{c}<d>", "\"quoted\" 'single' `tick`", "/*comment*/ //x", "a&&b||c", "->=>:=::", "#hashtag @user", "^~|\\",
    # contractions
    "I'll I'LL I’ll we've WE'VE it's IT'S don't DON'T y'all'd've", "'s 't 're 've 'm 'll 'd", "'S'T'RE'VE'M'LL'D", "'ſ 'ſt o'ſ", "rock'n'roll",
    # code, mark-up, addresses
    "int main(void) { return 0; } // ok", "for i in range(10):\n    print(i)\n", "<div class=\"x\">&amp;</div>", "{\"k\": [1, 2.5, null, true]}", "C:\\dir\\file.txt", "user@example.org",
    "https://example.org/p?q=1&r=2#s", "\\begin{x}\\alpha_{1}\\end{x}", "SELECT * FROM t WHERE a='b';", "camelCaseHTTPServer snake_case_ABC",
    # special tokens, in and around text
    "<|im_start|>", "a<|im_start|>b", " <|im_start|> ", "<|im_start|><|im_end|>", "<|im_start|>system\nHi<|im_end|>\n<|im_start|>user\n", "<|begin_of_text|>x", "<|im_start", "<<|im_end|>>",
    "<s>", "</s>", "<unk>", "<pad>", "<bos>a<eos>", "<s> a </s> b", "x<s>y", "<0x0A>", "<0x41>B", "▁", "▁▁a", "a▁b", " ▁ ", "Ġ Ċ é",
    # long
    "z" * 300, "ab" * 150, "0" * 100, "é" * 60, "東" * 50, "🙂" * 40, "the quick brown fox jumps over the lazy dog " * 4, "\n" * 50, " \n" * 30, "-" * 90,
    # the words of the flags below
    "magic", "a magic b", "magical magic, magic's", "amagic magic", "MAGIC Magic", "  magic  ", "magic\n\nmagic", "x strip  left", "strip   x", "magic strip left magic",
    "ÉCOLE école e\u0301cole", "caf\u00e9 cafe\u0301 CAFE\u0301", "norm ed", "norm  ed", "NORM ED",
]


def assigned(c):
    """In the Unicode versions of all libraries: the reference itself mixes several."""
    return unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")


def random_text(r):
    pools = [lambda: r.randrange(0x20, 0x7f), lambda: ord(r.choice(" \n\t\r")), lambda: r.randrange(0x61, 0x7b), lambda: r.randrange(0x80, 0x800), lambda: r.randrange(0x900, 0xd800),
             lambda: r.randrange(0x1f300, 0x1f650), lambda: r.randrange(0x30, 0x3a), lambda: r.randrange(0x300, 0x363), lambda: r.randrange(0x1d400, 0x1d500), lambda: r.randrange(0x20000, 0x2a000), lambda: ord("'")]
    out = ""
    for _ in range(r.randrange(1, 40)):
        c = r.choice(pools)()
        if assigned(c):
            out += chr(c)
        if r.random() < 0.03:
            out += r.choice(["<|im_start|>", "<s>", "magic", "</s>", "<unk>", " the ", "ing", "▁"])
    return out


def regex(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def string(pattern, behavior):
    return {"type": "Split", "pattern": {"String": pattern}, "behavior": behavior, "invert": False}


def in_turn(kind, *parts):
    return {"type": "Sequence", {"normalizer": "normalizers", "pre": "pretokenizers", "decoder": "decoders", "post": "processors"}[kind]: list(parts)}


def token(i, content, **flags):
    return {"id": i, "content": content, **{"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}, **flags}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
BYTES_CUT = dict(BYTES, use_regex=True)
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEMPLATE = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<b>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<e>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<b>": {"id": "<b>", "ids": [0], "tokens": ["<b>"]}, "<e>": {"id": "<e>", "ids": [1, 2], "tokens": ["<e>", "<f>"]}}}


def variants(name, base):
    """Parts that replace those of the base; {} is the tokenizer as it is."""
    yield "as it is", {}
    size = len(base["model"]["vocab"])
    if name == "gpt2":
        pre = lambda *parts: {"pre_tokenizer": in_turn("pre", *parts, BYTES)}
        yield "prefix space", {"pre_tokenizer": dict(BYTES_CUT, add_prefix_space=True)}
        yield "no pre-tokenizer but bytes", {"pre_tokenizer": BYTES}
        yield "punctuation", pre({"type": "Punctuation", "behavior": "Isolated"})
        yield "punctuation contiguous, digits", pre({"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Digits", "individual_digits": False})
        yield "punctuation removed", pre({"type": "Punctuation", "behavior": "Removed"})
        yield "punctuation with previous", pre({"type": "Punctuation", "behavior": "MergedWithPrevious"})
        yield "punctuation with next", pre({"type": "Punctuation", "behavior": "MergedWithNext"})
        yield "whitespace", pre({"type": "Whitespace"})
        yield "whitespace split", pre({"type": "WhitespaceSplit"})
        yield "bert", pre({"type": "BertPreTokenizer"})
        yield "delimiter", pre({"type": "CharDelimiterSplit", "delimiter": "e"})
        yield "gpt-4o", pre(regex(GPT4O))
        yield "word borders", pre(regex(r"\b"))
        yield "word characters inverted", pre(regex(r"\w+", "Removed", True))
        yield "no word", pre(regex(r"\W+", "MergedWithNext"))
        yield "no border", pre(regex(r"\B", "Isolated"))
        yield "spaces", pre(regex(r"\s+", "MergedWithPrevious"))
        yield "spaces in a class", pre(regex(r"[^\S\n]+|[\s\d]", "Isolated"))
        yield "before capitals", pre(regex(r"(?=[A-Z])", "Isolated"))
        yield "lines", pre(regex(r"^.*$", "Isolated"))
        yield "lookbehind", pre(regex(r"(?<=[a-z])(?=[A-Z\d])|(?<!\s)'", "MergedWithNext"))
        yield "digits from the right", pre(regex(r"\d{1,3}(?=(?:\d{3})*\b)", "Isolated"))
        yield "case", pre(regex(r"(?i)the|ſ|k|straße", "Isolated"))
        yield "lazy", pre(regex(r"\(.*?\)|<[^>]*>|\"[^\"]*+\"", "Isolated"))
        yield "posix", pre(regex(r"[[:alpha:]]+|[[:digit:]]+|[[:space:]]+", "Removed"))
        yield "hex", pre(regex(r"\h+|\u00e9|\x{1F642}", "Isolated"))
        yield "repetition", pre(regex(r"a{,2}b|z{3}|0{2,}", "Contiguous"))
        yield "han", pre(regex(r"[\p{Han}\p{Hiragana}\p{Katakana}]+", "Isolated"))
        yield "string", pre(string("the", "MergedWithNext"), string(".", "Removed"), string(" ", "Contiguous"))
        yield "empty string", pre(string("", "Isolated"))
        yield "nfd lower accents", {"normalizer": in_turn("normalizer", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"})}
        yield "nfkd", {"normalizer": {"type": "NFKD"}}
        yield "lowercase", {"normalizer": {"type": "Lowercase"}}
        yield "strip", {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}}
        yield "strip left", {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": False}}
        yield "strip right", {"normalizer": {"type": "Strip", "strip_left": False, "strip_right": True}}
        yield "replace", {"normalizer": in_turn("normalizer", {"type": "Replace", "pattern": {"Regex": r" {2,}"}, "content": " "}, {"type": "Replace", "pattern": {"String": "the"}, "content": "THE"},
                                                {"type": "Replace", "pattern": {"Regex": r"\d"}, "content": ""})}
        yield "prepend", {"normalizer": {"type": "Prepend", "prepend": "x "}}
        yield "nmt", {"normalizer": {"type": "Nmt"}}
        yield "bytes as normalizer", {"normalizer": {"type": "ByteLevel"}, "pre_tokenizer": None}
        yield "template", {"post_processor": TEMPLATE}
        yield "templates in turn", {"post_processor": in_turn("post", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, TEMPLATE)}
        yield "roberta", {"post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2], "trim_offsets": True, "add_prefix_space": False}}
        yield "no decoder", {"decoder": None}
        yield "added", {"added_tokens": base["added_tokens"] + [token(size, "magic"), token(size + 1, "magical"), token(base["model"]["vocab"]["é"], "é"), token(size + 2, "  "), token(size + 3, "東京")]}
        yield "added, single word", {"added_tokens": base["added_tokens"] + [token(size, "magic", single_word=True), token(size + 1, "strip", single_word=True, lstrip=True)]}
        yield "added, strips", {"added_tokens": base["added_tokens"] + [token(size, "magic", lstrip=True, rstrip=True), token(size + 1, "strip", lstrip=True), token(size + 2, "left", rstrip=True),
                                                                         token(size + 3, "\n\n"), token(size + 4, "  ")]}
        yield "added, special strips", {"added_tokens": [dict(t, lstrip=True, rstrip=True) for t in base["added_tokens"]]}
        yield "added, normalized", {"normalizer": in_turn("normalizer", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
                                    "added_tokens": base["added_tokens"] + [token(size, "Magic", normalized=True), token(size + 1, "École", normalized=True), token(size + 2, "strip")]}
        yield "added, normalized, prepend", {"normalizer": {"type": "Prepend", "prepend": "a "}, "added_tokens": base["added_tokens"] + [token(size, "magic", normalized=True)]}
        yield "added, from the vocabulary", {"added_tokens": base["added_tokens"] + [token(base["model"]["vocab"]["Ġthe"], "Ġthe"), token(base["model"]["vocab"]["ing"], "ing")]}
        yield "added, a gap", {"added_tokens": [t for t in base["added_tokens"] if t["id"] != 2]}
        model = lambda **s: {"model": dict(base["model"], vocab=None, merges=None, **s)}
        yield "ignore merges", model(ignore_merges=True)
    if name == "llama2":
        yield "bos", {"post_processor": dict(TEMPLATE, single=TEMPLATE["single"][:2], special_tokens={"<b>": {"id": "<b>", "ids": [1], "tokens": ["<s>"]}})}
        yield "replace behind fuse", {"decoder": in_turn("decoder", {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Strip", "content": " ", "start": 1, "stop": 0})}
        yield "longer replace behind fuse", {"decoder": in_turn("decoder", {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "▁the"}, "content": " THE"}, {"type": "Strip", "content": "z", "start": 3, "stop": 2})}
        yield "strip every token", {"decoder": in_turn("decoder", {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}, {"type": "ByteFallback"})}
        yield "metaspace first", {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}}
        yield "metaspace never", {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}, "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}}
        yield "metaspace old", {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}, "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}}
        model = lambda **s: {"model": dict(base["model"], vocab=None, merges=None, **s)}
        yield "no byte fallback", model(byte_fallback=False)
        yield "no byte fallback, unknown apart", model(byte_fallback=False, fuse_unk=False)
        yield "no unknown", model(byte_fallback=False, unk_token=None)
        yield "special strips", {"added_tokens": [dict(t, lstrip=t["id"] == 1, rstrip=t["id"] == 2) for t in base["added_tokens"] if t["id"] < 3]}
    if name == "unigram":
        yield "metaspace first", {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}}
        yield "t5", {"pre_tokenizer": in_turn("pre", {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
                     "post_processor": dict(TEMPLATE, single=TEMPLATE["single"][1:], special_tokens={"<e>": {"id": "<e>", "ids": [1], "tokens": ["</s>"]}})}
        yield "whole", {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}}
        yield "character map", {"normalizer": in_turn("normalizer", {"type": "Precompiled", "precompiled_charsmap": CHARACTER_MAP}, {"type": "Strip", "strip_left": False, "strip_right": True},
                                                      {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"})}


def character_map():
    """A small map in SentencePiece's format: written here, because the published ones are large."""
    import base64, struct
    entries = {"Ａ": "A", "ｂ": "b", "①": "1", "ﬁ": "fi", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "½": "1/2", "e\u0301": "é", "o": "o", "ﷺ": "صلى الله عليه وسلم", "\u200b": "", "🇩🇪": "DE", "が": "ga", "か\u3099": "GA"}
    texts, offsets = b"", {}
    for to in dict.fromkeys(entries.values()):
        offsets[to] = len(texts)
        texts += to.encode() + b"\0"
    units, used = [None] * 256, {0}  # a double array: child of node with offset o by byte c is at o ^ c
    children = {}
    for key, to in entries.items():
        node = children
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = offsets[to]

    def place(node, at, label):
        labels = [0 if c is None else c for c in node]
        base = next(b for b in range(1, 1 << 20) if all((b ^ c) not in used for c in labels) and (at ^ b) < (1 << 21))
        needed = max(base ^ c for c in labels) + 1
        units.extend([None] * (needed - len(units)))
        used.update(base ^ c for c in labels)
        units[at] = label | ((1 << 8) if None in node else 0) | ((at ^ base) << 10)
        for c, child in node.items():
            if c is None:
                units[base] = child | (1 << 31)
            else:
                place(child, base ^ c, c)

    place(children, 0, 0)
    trie = b"".join(struct.pack("<I", 0 if u is None else u) for u in units)
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + texts).decode()


CHARACTER_MAP = character_map()


def apply(base, changes):
    file = copy.deepcopy(base)
    for key, value in changes.items():
        file[key] = value
    if "model" in changes:  # vocabulary and merges stay those of the base
        file["model"] = {**changes["model"], "vocab": base["model"]["vocab"], "merges": base["model"]["merges"]}
    return file


def cases(file, texts):
    tokenizer = Tokenizer.from_str(json.dumps(file))
    out = []
    for text in texts:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text).ids
        tokenizer.encode_special_tokens = True
        out.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        if plain != ids:
            out[-1]["plain"] = plain
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "tokenizers")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for folder in sorted((HERE / "golden/tokenizers").glob("*/tokenizer.json")):
        name, base = folder.parent.name, json.loads(folder.read_text())
        r = random.Random(options.seed)
        texts = TEXTS + [random_text(r) for _ in range(options.random)]
        found = []
        for title, changes in variants(name, base):
            chosen = texts if not changes else TEXTS[::3] + r.sample(texts, max(25, options.random // 3))
            found.append({"name": title, "set": changes, "cases": cases(apply(base, changes), list(dict.fromkeys(chosen)))})
        lines = [json.dumps({"name": v["name"], "set": v["set"]})[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in v["cases"]) + "]}" for v in found]
        (options.out / f"{name}.json").write_text(f'{{"base": "{name}", "variants": [\n' + ",\n".join(lines) + "\n]}\n")
        print(name, len(found), sum(len(v["cases"]) for v in found))


if __name__ == "__main__":
    main()
