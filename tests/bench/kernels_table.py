"""Prints bench_kernels --benchmark_format=json as a Markdown table: fractions of the read bandwidth and of the peak.

usage: kernels_table.py FILE.json
"""
import json
import pathlib
import sys


def main():
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    context = report["context"]
    print(f"Kernels {context['kernels']}, {context['threads']} threads, plain read {float(context['read GB/s']):.1f} GB/s.\n")
    print("| kernel | rate | of the read bandwidth | of the peak multiply rate | bar |\n|---|---|---|---|---|")
    for row in report["benchmarks"]:
        name = row["name"].removesuffix("/manual_time")
        if "of_read" in row:
            # the bar is for matrices; attention is shown beside them
            bar = ("met" if row["of_read"] >= 0.7 else "NOT met") if name.startswith("decode") else ""
            print(f"| {name} | {row['GB/s']:.1f} GB/s | {100 * row['of_read']:.0f} % | | {bar} |")
        else:
            peak = f"{100 * row['of_peak']:.0f} %" if "of_peak" in row else "not known here"
            print(f"| {name} | {row['GFLOP/s']:.0f} GFLOP/s | | {peak} | |")


if __name__ == "__main__":
    main()
