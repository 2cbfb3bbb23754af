#!/usr/bin/env bash
# Layerscope beside transformers (PyTorch eager) on the same weights: prints the ratios of pp512 and tg128.
set -euo pipefail
. "$(dirname "$0")/common.sh"

rounds=5 repetitions=2 dtypes="float32 bfloat16" out='' prompt=512 generated=128
usage() {
    cat <<'TEXT'
usage: compare_transformers.sh [--rounds 5] [--repetitions 2] [--dtypes "float32 bfloat16"] [-p 512] [-n 128] [--out DIR]

SmolLM2-135M, both programs in turn on BENCH_THREADS (2) threads, the order switched from round to round. Python packages
go into the cache on the first run; LAYERSCOPE_BENCH_PYTHON names a Python that has them. --out keeps every round as JSON.
TEXT
}
read_options dtypes "$@"
need_programs
python=$(bench_python)
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"
for dtype in $dtypes; do
    say "transformers, $dtype"
    "$cli" bench -m "$model" --dtype "$dtype" -p "$prompt" -n "$generated" -r "$repetitions" -t "$threads" -o json --rounds "$rounds" \
        --compare "'$python' '$here/compare_transformers.py' '$model' '$cache' --dtype $dtype -p $prompt -n $generated \
            -r $repetitions -t $threads 2>/dev/null" >"$out/transformers-$dtype.json"
done
python3 "$here/ratios.py" --bar 4,1 "$out"/transformers-*.json
