#!/usr/bin/env python3
"""Makes resources/data/wikitext2_calibration.txt. usage: make_calibration_text.py WIKITEXT2_VALID > OUT

60 paragraphs of the WikiText-2 validation text, one a line, chosen with seed 0 among those of at least 400 characters
after the tokenised form is undone; headings are dropped, <unk> stays as it is."""
import random
import re
import sys


def detokenise(line: str) -> str:
    text = re.sub(r" @([-.,])@ ", r"\1", line.strip())
    text = re.sub(r" (n't|'(?:s|re|ve|ll|d|m|t))\b", r"\1", text)
    text = re.sub(r" ([.,;:!?%)\]}])", r"\1", text)
    text = re.sub(r"([(\[{$£€]) ", r"\1", text)
    text = quotes(text)
    text = re.sub(r"(\w)s ' ", r"\1s' ", text)
    text = re.sub(r"(\d) ([–/]) (\d)", r"\1\2\3", text)
    return re.sub(r" {2,}", " ", text)


def quotes(text: str) -> str:
    """Double quotes come in pairs: the opening one belongs to the next word, the closing one to the previous."""
    parts = text.split('"')
    for i in range(len(parts) - 1):
        if i % 2 == 0:
            parts[i + 1] = parts[i + 1].lstrip(" ")
        else:
            parts[i] = parts[i].rstrip(" ")
    return '"'.join(parts)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        paragraphs = [detokenise(line) for line in file if line.strip() and not line.strip().startswith("=")]
    long_enough = [text for text in paragraphs if len(text) >= 400]
    for text in random.Random(0).sample(long_enough, 60):
        print(text)


main()
