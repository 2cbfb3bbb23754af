#!/usr/bin/env bash
# Every comparison in sequence on this machine; writes OUTDIR/report.md, what docs/performance.md is made of.
set -euo pipefail
. "$(dirname "$0")/common.sh"

usage() {
    cat <<'TEXT'
usage: run_all.sh OUTDIR [--quick] [--skip STEP]...

Steps: llama_cpp, transformers, hooks, hook_libraries, context, kernels. Under 20 minutes on two quiet cores once the
caches exist (llama.cpp and Python packages are built and downloaded by the first run); --quick: fewer repetitions, only
to see that everything runs. Leave the machine alone meanwhile.
BENCH_THREADS (2), LAYERSCOPE_GEMMA, LAYERSCOPE_LLAMA_CPP, LAYERSCOPE_BENCH_PYTHON: see the single scripts.
TEXT
}
out='' quick=no skipped=' '
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --skip) skipped="$skipped$2 " && shift ;;
    --help | -h) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) out=$1 ;;
    esac
    shift
done
[ -n "$out" ] || { usage >&2; exit 2; }
mkdir -p "$out"
report=$out/report.md
pick() { if [ "$quick" = yes ]; then echo "$2"; else echo "$1"; fi; } # value, value with --quick

need_programs
build=$(dirname "$(dirname "$cli")")
if ! [ -x "$build/tests/bench_hooks" ] || ! [ -x "$build/tests/bench_kernels" ]; then
    say "building the benchmarks in $build"
    cmake -S "$root" -B "$build" -DLAYERSCOPE_BENCH=ON >"$out/build.log" 2>&1 &&
        cmake --build "$build" --target bench_hooks bench_kernels >>"$out/build.log" 2>&1 ||
        stop "the benchmarks could not be built" "See $out/build.log."
fi
export LAYERSCOPE_MODEL=$model BENCH_THREADS=$threads

llama_cpp_step() {
    "$here/compare_llama_cpp.sh" --rounds "$(pick 5 2)" --repetitions "$(pick 3 1)" -p "$(pick 512 32)" -n "$(pick 128 4)" \
        --out "$out"
}
transformers_step() {
    "$here/compare_transformers.sh" --rounds "$(pick 5 1)" --repetitions "$(pick 2 1)" -p "$(pick 512 32)" -n "$(pick 128 4)" \
        --out "$out"
}
hooks_step() {
    local dtype
    for dtype in float32 bfloat16 quantised; do
        if runs_as "$model" "$dtype"; then
            "$build/tests/bench_hooks" "$dtype" "$(pick 40 4)" "$(pick 16 4)" "$(pick 4 1)" || return 1
        else
            echo "$dtype: not run, this build does not open the model so."
        fi
        echo
    done
}
hook_libraries_step() {
    "$(bench_python)" -W ignore "$here/compare_hooks.py" "$model" "$cache" --rounds "$(pick 15 1)" --tokens "$(pick 4 1)" --prompt "$(pick 128 8)" \
        -t "$threads" 2>"$out/hook_libraries.log"
}
context_step() {
    local dtype
    for dtype in float32 bfloat16; do
        python3 "$here/context_slope.py" "$cli" "$build/tests/bench_kernels" "$model" "$out/context-$dtype.svg" \
            --dtype "$dtype" -t "$threads" -n "$(pick 16 2)" -r "$(pick 5 1)" \
            --depths "$(pick 128,512,1024,2048,3072,4096,6144,8128 32,256)" || return 1
        echo
    done
}
kernels_step() {
    "$build/tests/bench_kernels" --benchmark_min_time="$(pick 0.5 0.01)" --benchmark_format=json >"$out/kernels.json" || return 1
    python3 "$here/kernels_table.py" "$out/kernels.json"
}

{
    echo "# Measured $(date -u +%Y-%m-%d)"
    echo
    echo "$(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores, $threads threads; $("$cli" --version); commit" \
        "$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)."
    [ "$quick" = no ] || echo "A quick run: too few repetitions to quote."
} >"$report"
failed=0
# The steps run as conditions, where `set -e` does not act: they return 1 themselves.
step_of() { # name, title
    local started=$SECONDS load
    case $skipped in *" $1 "*) return ;; esac
    read -r load _ </proc/loadavg
    step "$2"
    printf '\n## %s\n\n' "$2" >>"$report"
    if ! "$1_step" >>"$report"; then
        echo "Failed." >>"$report"
        failed=1
    fi
    printf '\n(%s s; load %s before)\n' $((SECONDS - started)) "$load" >>"$report"
    # what the step before has left in the average is at most its own threads
    if [ "${load%.*}" -gt "$threads" ]; then
        echo "The machine was busy: these figures say that the step runs, nothing more." >>"$report"
    fi
}
step_of llama_cpp "Beside llama.cpp"
step_of transformers "Beside transformers (PyTorch eager)"
step_of hooks "What hooks cost"
step_of hook_libraries "What hooks cost in TransformerLens and nnsight"
step_of context "Time per token and context"
step_of kernels "Kernels beside what the machine can do"
say "" "Written: $report ($SECONDS s)"
exit $failed
