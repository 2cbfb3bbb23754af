"""Time per token against the tokens in the cache, and the slope that the bandwidth of the cache predicts.

usage: context_slope.py CLI BENCH_KERNELS MODEL OUT.svg [--dtype float32] [-n 16] [-r 5] [-t 2] [--depths 128,...]

Every token reads the whole cache once: its bytes per token of context over the bandwidth of a plain read is the slope
that is expected. Each of the -r rounds measures that bandwidth (bench_kernels) before and after all depths, and gives
one ratio of the two slopes: machines change their pace within minutes. Prints a Markdown table, draws the figure.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys


def read_bandwidth(program, threads):
    """GB/s of a plain read."""
    out = subprocess.run([program, "--benchmark_filter=attention/F32", "--benchmark_format=json"], check=True,
                         capture_output=True, text=True, env={"BENCH_THREADS": str(threads)}).stdout
    return float(json.loads(out)["context"]["read GB/s"])


def bench(args, depths):
    return json.loads(subprocess.run(
        [args.cli, "bench", "-m", args.model, "--dtype", args.dtype, "-p", "0", "-n", args.n, "-d", depths, "-r", "1",
         "-t", args.t, "-o", "json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def fit(xs, ys):
    """Slope, intercept and R^2 of the least-squares line."""
    mx, my = statistics.mean(xs), statistics.mean(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    rest = sum((y - my - slope * (x - mx)) ** 2 for x, y in zip(xs, ys))
    total = sum((y - my) ** 2 for y in ys)
    return slope, my - slope * mx, 1 - rest / total if total else 1.0


def ticks(end):
    """Round numbers from 0 to `end`, four to nine of them."""
    power = 10.0 ** math.floor(math.log10(end / 4))
    step = power * max(m for m in (1, 2, 5) if m * power <= end / 4)
    return [round(i * step, 9) for i in range(int(end / step) + 1)]


def draw(path, points, line, predicted, title):
    """points: (depth, median ms, low ms, high ms); line and predicted: (slope ms a token, intercept ms)."""
    width, height, left, bottom = 640, 360, 60, 46
    right, top = max(p[0] for p in points) * 1.03, max(p[3] for p in points) * 1.1

    def at(x, y):
        return left + (width - left - 16) * x / right, height - bottom - (height - bottom - 34) * y / top

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             'font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>',
             f'<text x="{left}" y="20" font-size="13">{title}</text>']
    for y in ticks(top):
        _, py = at(0, y)
        parts.append(f'<line x1="{left}" x2="{width - 16}" y1="{py:.1f}" y2="{py:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{py + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(right):
        px, _ = at(x, 0)
        parts.append(f'<text x="{px:.1f}" y="{height - bottom + 18}" text-anchor="middle">{x:g}</text>')
    for (slope, start), colour, dash, name, row in ((line, "#0072b2", "", "fitted", 0),
                                                    (predicted, "#d55e00", "6 4", "slope of the read bandwidth", 1)):
        (x1, y1), (x2, y2) = at(0, start), at(right, start + slope * right)
        style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>')
        y = 44 + 18 * row
        parts.append(f'<line x1="{left + 12}" y1="{y}" x2="{left + 44}" y2="{y}" {style}/>'
                     f'<text x="{left + 50}" y="{y + 4}">{name}</text>')
    for depth, middle, low, high in points:
        (x, y), (_, y1), (_, y2) = at(depth, middle), at(depth, low), at(depth, high)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="#222"/>'
                     f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#222"/>')
    parts.append(f'<text x="{(width + left) / 2}" y="{height - 8}" text-anchor="middle">tokens in the cache</text>')
    parts.append(f'<text transform="translate(14 {height / 2}) rotate(-90)" text-anchor="middle">ms per token</text></svg>')
    pathlib.Path(path).write_text("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("cli", "kernels", "model", "out"):
        parser.add_argument(name)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--depths", default="128,512,1024,2048,3072,4096,6144,8128")
    parser.add_argument("-n", default="16"), parser.add_argument("-r", default="5"), parser.add_argument("-t", default="2")
    args = parser.parse_args()
    info = json.loads(subprocess.run([args.cli, "inspect", args.model, "--json"], check=True, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL).stdout)
    config = info["config"]
    values = 2 * config["block_count"] * config["kv_head_count"] * config["head_width"]
    times, bandwidths, ratios = {}, [], []
    for turn in range(int(args.r)):
        before = read_bandwidth(args.kernels, args.t)
        rows = bench(args, ",".join(args.depths.split(",")[:: 1 if turn % 2 == 0 else -1]))
        bandwidths.append(statistics.mean((before, read_bandwidth(args.kernels, args.t))))
        # tokens in the cache on average while the test runs
        points = [(row["n_depth"] + row["n_gen"] / 2, row["samples_ns"][0] / 1e6 / row["n_gen"]) for row in rows]
        per_token = values * {"f32": 4, "f16": 2, "bf16": 2}[rows[0]["type_k"]]
        slope, start, quality = fit(*zip(*points))
        ratios.append(slope / (per_token / bandwidths[-1] / 1e6))
        for depth, ms in points:
            times.setdefault(depth, []).append(ms)
        print(f"round {turn + 1}: slope {1e6 * slope:.0f} ns a token, R² {quality:.3f}, read {bandwidths[-1]:.1f} GB/s, "
              f"ratio {ratios[-1]:.2f}", file=sys.stderr)
    points = [(depth, statistics.median(ms), min(ms), max(ms)) for depth, ms in sorted(times.items())]
    slope, start, quality = fit([p[0] for p in points], [p[1] for p in points])
    bandwidth = statistics.median(bandwidths)
    expected = per_token / (bandwidth * 1e9) * 1e3
    print(f"SmolLM2-135M as {args.dtype}, {args.t} threads, {args.n} tokens, {args.r} rounds; read bandwidth "
          f"{bandwidth:.1f} GB/s ({min(bandwidths):.1f} to {max(bandwidths):.1f}); cache {per_token:,} bytes a token.\n")
    print("| tokens in the cache | ms a token (median) | range | on the fitted line |\n|---|---|---|---|")
    for depth, middle, low, high in points:
        print(f"| {depth:.0f} | {middle:.2f} | {low:.2f} to {high:.2f} | {start + slope * depth:.2f} |")
    print(f"\nSlope of the medians {1e6 * slope:.0f} ns a token of context (R² {quality:.4f}), predicted "
          f"{1e6 * expected:.0f}. Ratio of the two, median of the rounds: {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f}).")
    draw(args.out, points, (slope, start), (expected, start), f"SmolLM2-135M, {args.dtype}: time per token and context")


if __name__ == "__main__":
    main()
