#!/bin/bash
# Build the images with a real Docker, and run docker-compose.yml on it: tests/real_images.sh [pytest arguments]
#
# On a machine with Docker that is all it needs: DOCKER_HOST, or the usual socket, with Compose and Buildx. Elsewhere, as
# root on Linux, it brings an engine of its own: built from Go modules once, in namespaces of its own, and taken down in
# the end. Where no registry of images is reached either, stand-ins take the place of the foreign images
# (tests/containers/bases.sh); STAND_INS=1 asks for them. What was built lies in .cache/containers, or in CONTAINERS.
set -euo pipefail
cd "$(dirname "$0")/.."
FOLDER=$(realpath -m "${CONTAINERS:-.cache/containers}")
PYTHON=${PYTHON:-.venv/bin/python}
export FOLDER
containers=tests/containers

needs() { # what is not there
    local missing=()
    for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
    [ ${#missing[@]} = 0 ] || {
        echo "test-images: without a Docker engine it brings its own, which needs: ${missing[*]}" >&2
        echo 'On Debian: apt-get install buildah runc iptables iproute2 mmdebstrap tini, Go 1.26, and the command docker' >&2
        exit 1
    }
}

echo 'test-images builds three images and brings docker-compose.yml up: a quarter of an hour of two cores, 5 GB of disk.' >&2
if [ -z "${OWN_ENGINE:-}${STAND_INS:-}" ] && docker version >/dev/null 2>&1; then
    echo "It uses the Docker engine that runs here." >&2
    exec "$PYTHON" -m pytest -m real_images $containers "$@"
fi
[ "$(id -u)" = 0 ] || { echo 'test-images: no Docker engine answers; as root it would bring its own' >&2 && exit 1; }
needs docker go runc iptables ip tini-static buildah mmdebstrap
echo 'No Docker engine is used: it builds its own, the first time for five to fifteen minutes more.' >&2
mkdir -p "$FOLDER"
$containers/programs.sh docker "$FOLDER/bin"
[ -z "${STAND_INS:-}" ] || $containers/bases.sh "$FOLDER"
trap '$containers/engine.sh down' EXIT
$containers/engine.sh up
if [ -n "${STAND_INS:-}" ]; then
    # shellcheck source=deploy/digests.env
    . deploy/digests.env
    $containers/stand_ins.sh "$PYTHON_IMAGE" "$NODE_IMAGE" "$NGINX_IMAGE" "$VALKEY_IMAGE" "$POSTGRES_IMAGE"
fi
$containers/engine.sh run "$PYTHON" -m pytest -m real_images $containers "$@"
