# What tests/real_images.sh and tests/real_cluster.sh begin with: where lies what is built, which programs they need, and a
# Docker engine of their own. They run in the repository's root.
set -euo pipefail
FOLDER=$(realpath -m "${CONTAINERS:-.cache/containers}")
PYTHON=${PYTHON:-.venv/bin/python}
export FOLDER
containers=tests/containers
# shellcheck source=deploy/digests.env
. deploy/digests.env
foreign=("$PYTHON_IMAGE" "$NODE_IMAGE" "$NGINX_IMAGE" "$VALKEY_IMAGE" "$POSTGRES_IMAGE")

needs() { # whose, Debian's packages, programs: ends here where it is not root or one of the programs is missing
    local whose=$1 packages=$2 missing=()
    for program in "${@:3}"; do command -v "$program" >/dev/null || missing+=("$program"); done
    [ "$(id -u)" = 0 ] && [ ${#missing[@]} = 0 ] && return
    echo "$whose brings an engine of its own, which needs root on Linux; missing: ${missing[*]:-nothing but root}" >&2
    echo "On Debian: apt-get install $packages, Go 1.26" >&2
    exit 1
}

has_an_engine() { [ -z "${OWN_ENGINE:-}${STAND_INS:-}" ] && docker version >/dev/null 2>&1; }

start_an_engine() { # built from Go modules the first time
    mkdir -p "$FOLDER"
    $containers/programs.sh docker "$FOLDER/bin"
    [ -z "${STAND_INS:-}" ] || $containers/bases.sh "$FOLDER"
    $containers/engine.sh up
    [ -z "${STAND_INS:-}" ] || $containers/stand_ins.sh "${foreign[@]}"
}
