# Shared by the comparisons: where things are, what is made on demand. Source it.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../../installer/common.sh"
here=$root/tests/bench
cache=${LAYERSCOPE_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/layerscope/bench}
cli=${LAYERSCOPE_CLI:-$bin/layerscope-cli}
threads=${BENCH_THREADS:-2}
mkdir -p "$cache"
# Every program keeps its own way to wait: these two change OpenMP's.
unset OMP_WAIT_POLICY GOMP_SPINCOUNT

stop() { # message, then one hint a line
    printf '\n%s: %s\n' "$(basename "$0")" "$1" >&2
    shift
    printf '  %s\n' "$@" >&2
    exit 1
}

# The options that the comparisons share, over the defaults that the caller has set. $1: the name of its list option and
# the variable of it ("formats").
read_options() {
    local list=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --help | -h) usage && exit 0 ;;
        --rounds | --repetitions | "--$list" | -p | -n | --out) [ $# -gt 1 ] || { usage >&2 && exit 2; } ;;
        *) usage >&2 && exit 2 ;;
        esac
        case $1 in
        --rounds) rounds=$2 ;;
        --repetitions) repetitions=$2 ;;
        "--$list") printf -v "$list" %s "$2" ;;
        -p) prompt=$2 ;;
        -n) generated=$2 ;;
        --out) out=$2 ;;
        esac
        shift 2
    done
}

need_programs() {
    [ -x "$cli" ] || stop "$cli does not exist" "installer/run --prepare builds it."
    model=$(model_path) || stop "the model SmolLM2-135M-Instruct was not found" "installer/run --prepare downloads it; or set LAYERSCOPE_MODEL."
}

# A Python with torch, transformers, transformer-lens and nnsight: LAYERSCOPE_BENCH_PYTHON, else one made in the cache.
bench_python() {
    if [ -n "${LAYERSCOPE_BENCH_PYTHON:-}" ]; then
        printf '%s\n' "$LAYERSCOPE_BENCH_PYTHON"
        return
    fi
    local python=$cache/venv/bin/python
    if ! [ -f "$cache/venv/ready" ] || ! cmp -s "$cache/venv/ready" "$here/requirements.txt"; then
        say "Python packages into $cache/venv (3 GB to download, 5 GB on disk)"
        python3 -m venv "$cache/venv" >&2 &&
            "$cache/venv/bin/pip" install --disable-pip-version-check --quiet --requirement "$here/requirements.txt" >&2 ||
            stop "the Python packages could not be installed" "Or set LAYERSCOPE_BENCH_PYTHON to a Python that has those of tests/bench/requirements.txt."
        cp "$here/requirements.txt" "$cache/venv/ready"
    fi
    printf '%s\n' "$python"
}

# llama-bench and llama-quantize: bin/ of LAYERSCOPE_LLAMA_CPP, else built in the cache. Prints the folder.
llama_cpp_version=0.3.36
llama_cpp() {
    if [ -n "${LAYERSCOPE_LLAMA_CPP:-}" ]; then
        [ -x "$LAYERSCOPE_LLAMA_CPP/bin/llama-bench" ] || stop "there is no $LAYERSCOPE_LLAMA_CPP/bin/llama-bench" "LAYERSCOPE_LLAMA_CPP names a build folder of llama.cpp."
        printf '%s\n' "$LAYERSCOPE_LLAMA_CPP/bin"
        return
    fi
    local source=$cache/llama_cpp_python-$llama_cpp_version build=$cache/llama.cpp-$llama_cpp_version
    if ! [ -x "$build/bin/llama-bench" ] || ! [ -x "$build/bin/llama-quantize" ]; then
        say "llama.cpp of llama-cpp-python $llama_cpp_version, native build, into $build (80 MB to download, some minutes)"
        if ! [ -d "$source/vendor/llama.cpp" ]; then
            python3 -m pip download --disable-pip-version-check --quiet --no-deps --no-binary :all: \
                --dest "$cache" "llama-cpp-python==$llama_cpp_version" >&2 &&
                tar -xzf "$source.tar.gz" -C "$cache" ||
                stop "the source of llama-cpp-python could not be downloaded" "Check the network, or set LAYERSCOPE_LLAMA_CPP to a build folder of llama.cpp."
        fi
        # tools alone: no server, no pictures, nothing that downloads
        { cmake -S "$source/vendor/llama.cpp" -B "$build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
            -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF &&
            cmake --build "$build" --target llama-bench llama-quantize --parallel "$(nproc)"; } >"$build.log" 2>&1 ||
            stop "llama.cpp could not be built" "See $build.log."
    fi
    printf '%s\n' "$build/bin"
}

# FORMAT: the default model as llama-quantize writes it. Prints the file.
requantised() {
    local file llama
    file=$cache/$(basename "${model%.*}")-$1.gguf
    if ! [ -f "$file" ]; then
        llama=$(llama_cpp)
        "$llama/llama-quantize" --allow-requantize "$model" "$file.part" "$1" >"$file.log" 2>&1 ||
            stop "llama-quantize could not write $1" "See $file.log."
        mv "$file.part" "$file"
    fi
    printf '%s\n' "$file"
}

# FILE DTYPE: whether this build opens it so
runs_as() {
    "$cli" bench -m "$1" --dtype "$2" -p 0 -n 1 -r 1 --no-warmup -t "$threads" >/dev/null 2>&1
}
