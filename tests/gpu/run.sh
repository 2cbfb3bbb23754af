#!/usr/bin/env bash
# Builds and runs the GPU tests and benchmarks where an NVIDIA GPU is present. Needs nvcc and a C++ compiler; cmake and
# torch where they are there. usage: tests/gpu/run.sh [OUT] (default build/gpu-results); --build-only: no GPU needed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/gpu build_only=no out=$root/build/gpu-results
for argument in "$@"; do
    case $argument in
    --build-only) build_only=yes ;;
    --help | -h) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
    *) out=$argument ;;
    esac
done
nvcc=$(command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null) || {
    echo "run.sh: nvcc was not found; install the CUDA toolkit or set CUDA_HOME" >&2
    exit 1
}
mkdir -p "$build"
if command -v cmake >/dev/null; then
    cmake -S "$root/tests/gpu" -B "$build" -DCMAKE_CUDA_COMPILER="$nvcc" >&2
    cmake --build "$build" -j "${LAYERSCOPE_JOBS:-$(nproc)}" >&2
else
    mapfile -t oracle < <(find "$root/kernels/cpu" -maxdepth 1 -name '*.cpp' ! -name '*_avx*')
    for name in gpu_cases gpu_bench; do
        "$nvcc" -std=c++20 -O3 -I"$root" -DLAYERSCOPE_ON_DEVICE -gencode arch=compute_80,code=sm_80 \
            -gencode 'arch=compute_90,code=[sm_90,compute_90]' -o "$build/$name" "$root/tests/gpu/$name.cu" \
            "$root"/kernels/cuda/*.cu "$root"/kernels/cuda/module/*.c* "${oracle[@]}" -ldl >&2
    done
fi
[ "$build_only" = no ] || exit 0
mkdir -p "$out"
{
    date -u +%Y-%m-%dT%H:%MZ
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader 2>/dev/null || true
    "$nvcc" --version | tail -n 2 | head -n 1
} | tee "$out/machine.txt"
"$build/gpu_cases" | tee "$out/cases.txt"
"$build/gpu_bench" | tee "$out/bench.csv"
if command -v python3 >/dev/null; then
    python3 "$root/tests/gpu/bench_torch.py" | tee "$out/torch.csv" || true
fi
