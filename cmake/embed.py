#!/usr/bin/env python3
"""Writes files as C++ byte tables. usage: embed.py NAME ROOT LIST OUT   (see LayerscopeEmbed.cmake)"""
import os
import sys


def literal(data: bytes) -> str:
    """Adjacent string literals: gcc reads them much faster than a braced list of numbers."""
    escape = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n"}
    lines = []
    for start in range(0, len(data), 96):
        text = "".join(
            escape.get(b) or (chr(b) if 0x20 <= b < 0x7F and b != 0x3F else f"\\{b:03o}") for b in data[start : start + 96]
        )
        lines.append(f'"{text}"')
    return "\n    ".join(lines) or '""'


def main() -> None:
    name, root, listing, out = sys.argv[1:5]
    with open(listing, encoding="utf-8") as file:
        paths = [line for line in file.read().split("\n") if line]
    parts = ['#include "core/embedded.h"\n\nnamespace ls::embedded {\nnamespace {']
    rows = []
    for i, path in enumerate(paths):
        with open(path, "rb") as file:
            data = file.read()
        parts.append(f"constexpr char kFile{i}[] = {literal(data)};")
        rows.append(f'    {{"{os.path.relpath(path, root)}", std::string_view(kFile{i}, {len(data)})}},')
    parts.append(f"constexpr std::array<EmbeddedFile, {len(paths)}> kFiles{{{{" if paths else "constexpr std::array<EmbeddedFile, 0> kFiles{};")
    if paths:
        parts.append("\n".join(rows) + "\n}};")
    parts.append(f"}} // namespace\n\nstd::span<const EmbeddedFile> {name}()\n{{\n    return kFiles;\n}}\n\n}} // namespace ls::embedded")
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n")


main()
