"""Prints the JSON of `layerscope-cli bench --compare -o json` as one Markdown table.

usage: ratios.py [--bar 0.9] FILE.json ...

The part of a file's name after the first "-" is the row's name. A ratio is ours over theirs within one round; the table
shows the median of the rounds and their range. --bar marks medians below it; --bar 4.0,1.0 is for tg and pp.
"""
import argparse
import json
import pathlib
import statistics


def test_name(row):
    parts = [f"pp{row['n_prompt']}"] * (row["n_prompt"] > 0) + [f"tg{row['n_gen']}"] * (row["n_gen"] > 0)
    return "+".join(parts) + (f" @ d{row['n_depth']}" if row["n_depth"] else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--bar", default="")
    args = parser.parse_args()
    bars = [float(b) for b in args.bar.split(",")] if args.bar else []
    print("| weights | run as | test | Layerscope, tok/s | other, tok/s | ratio (median) | range | rounds | bar |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in args.files:
        path = pathlib.Path(name)
        for row in json.loads(path.read_text()):
            ratio = statistics.median(row["ratios"])
            bar = None if not bars else bars[-1] if row["n_prompt"] else bars[0]
            verdict = "" if bar is None else f">= {bar:g}: {'met' if ratio >= bar else 'NOT met'}"
            print(
                f"| {path.stem.split('-', 1)[-1]} | {row['dtype']} | {test_name(row)} "
                f"| {statistics.median(row['ours_ts']):,.1f} | {statistics.median(row['other_ts']):,.1f} | {ratio:.2f} "
                f"| {min(row['ratios']):.2f} to {max(row['ratios']):.2f} | {len(row['ratios'])} | {verdict} |")


if __name__ == "__main__":
    main()
