#!/bin/bash
# Build the images with a real Docker, and run docker-compose.yml on it: tests/real_images.sh [pytest arguments]
#
# On a machine with Docker that is all it needs: DOCKER_HOST, or the usual socket, with Compose and Buildx. Elsewhere, as
# root on Linux, it brings an engine of its own: built from Go modules once, in namespaces of its own, and taken down in
# the end. Where no registry of images is reached either, stand-ins take the place of the foreign images
# (tests/containers/bases.sh); STAND_INS=1 asks for them. What was built lies in .cache/containers, or in CONTAINERS.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/containers/begin.sh

echo 'test-images builds three images and brings docker-compose.yml up: a quarter of an hour of two cores, 5 GB of disk.' >&2
if has_an_engine; then
    echo "It uses the Docker engine that runs here." >&2
    exec "$PYTHON" -m pytest -m real_images $containers "$@"
fi
needs test-images 'buildah runc iptables iproute2 mmdebstrap tini, and the command docker' \
    docker go runc iptables ip tini-static buildah mmdebstrap
echo 'No Docker engine is used: it builds its own, the first time for five to fifteen minutes more.' >&2
trap '$containers/engine.sh down' EXIT
start_an_engine
$containers/engine.sh run "$PYTHON" -m pytest -m real_images $containers "$@"
