#!/usr/bin/env bash
# Layerscope beside llama.cpp on the same weights, both on BENCH_THREADS (2) threads: prints the ratios of pp512 and tg128.
set -euo pipefail
. "$(dirname "$0")/common.sh"

rounds=5 repetitions=3 formats="F32 BF16 Q8_0 Q4_0 Q4_1" out='' prompt=512 generated=128
usage() {
    cat <<'TEXT'
usage: compare_llama_cpp.sh [--rounds 5] [--repetitions 3] [--formats "F32 BF16 Q8_0 Q4_0 Q4_1"] [-p 512] [-n 128] [--out DIR]

Requantises SmolLM2-135M with llama-quantize and runs both programs in turn, the order switched from round to round.
F32 runs as float32, BF16 as bfloat16, the others as quantised. LAYERSCOPE_GEMMA names a Gemma-3-270m Q4_K_M file, which
then runs too. LAYERSCOPE_LLAMA_CPP names a build folder of llama.cpp; without it one is made in the cache.
--out keeps every round as JSON.
TEXT
}
read_options formats "$@"
need_programs
llama=$(llama_cpp)
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"

compare() { # name, file, dtype
    if ! runs_as "$2" "$3"; then
        say "$1: not run, this build does not open it as $3"
        return
    fi
    say "$1 as $3"
    "$cli" bench -m "$2" --dtype "$3" -p "$prompt" -n "$generated" -r "$repetitions" -t "$threads" -o json --rounds "$rounds" \
        --compare "'$llama/llama-bench' -m '$2' -p $prompt -n $generated -r $repetitions -t $threads -o json 2>/dev/null" \
        >"$out/llama_cpp-$1.json"
}
for format in $formats; do
    case $format in
    F32) dtype=float32 ;;
    BF16) dtype=bfloat16 ;;
    *) dtype=quantised ;;
    esac
    compare "$format" "$(requantised "$format")" "$dtype"
done
if [ -n "${LAYERSCOPE_GEMMA:-}" ]; then
    compare gemma-Q4_K_M "$LAYERSCOPE_GEMMA" quantised
fi
python3 "$here/ratios.py" --bar 0.9 "$out"/llama_cpp-*.json
