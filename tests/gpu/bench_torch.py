#!/usr/bin/env python3
"""The rows of gpu_bench that torch has an operation for, in the same form: cuBLAS products in bfloat16 and float32, and
scaled_dot_product_attention. Median of 50 after 10 to warm up, the second-level cache overwritten before each."""
import sys

try:
    import torch
except ImportError:
    print("SKIP  torch is not installed")
    sys.exit(77)
if not torch.cuda.is_available():
    print("SKIP  torch sees no CUDA device")
    sys.exit(77)

flush = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")


def median_us(run):
    times = []
    for i in range(60):
        flush.fill_(i)
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) * 1000)
    return sorted(times[10:])[25]


def row(what, shape, us, size):
    print(f"{what},{shape},{us:.2f},{size},{size / us / 1000:.1f},")


print(f"# torch {torch.__version__}, {torch.cuda.get_device_name()}")
print("what,shape,microseconds,bytes,GB/s,")
for rows, cols in [(4096, 4096), (14336, 4096), (4096, 14336), (128256, 4096)]:
    for name, dtype, size in [("BF16", torch.bfloat16, 2), ("F32", torch.float32, 4)]:
        w = torch.randn(rows, cols, device="cuda").to(dtype)
        for tokens in (1, 8):
            x = torch.randn(tokens, cols, device="cuda").to(dtype)
            row(f"torch matvec {name}", f"{rows}x{cols}x{tokens}", median_us(lambda: x @ w.T), rows * cols * size)
for n in (1024, 8192, 32768, 131072):
    q = torch.randn(1, 8, 4, 128, device="cuda", dtype=torch.bfloat16)  # the four heads of a group as rows
    k, v = (torch.randn(1, 8, n, 128, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    attend = torch.nn.functional.scaled_dot_product_attention
    row("torch decode attention", n, median_us(lambda: attend(q, k, v)), 2 * 2 * 8 * n * 128)
    if n <= 8192:
        many = torch.randn(1, 32, n, 128, device="cuda", dtype=torch.bfloat16)
        ks, vs = (t.repeat_interleave(4, 1) for t in (k, v))
        row("torch prefill attention", n, median_us(lambda: attend(many, ks, vs, is_causal=True)), 2 * 2 * 8 * n * 128)
