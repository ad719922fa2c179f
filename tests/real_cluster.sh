#!/bin/bash
# Run the manifests on one node of Kubernetes with KEDA: tests/real_cluster.sh [pytest arguments]
#
# It brings the node up itself: programs built from Go modules once, in namespaces of its own, and takes it down in the
# end. The images are built by a Docker engine, that of tests/real_images.sh where there is no other. What was built lies
# in .cache/containers, or in CONTAINERS. OWN_ENGINE=1: another Docker is left alone. STAND_INS=1: the same, and no registry
# of images is asked (tests/containers/bases.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/containers/begin.sh

echo 'test-cluster builds the images, brings a node of Kubernetes 1.36 and KEDA up, and runs overlays on it: half an hour of' \
    'two cores and 10 GB of disk; the first time an hour more, to build the programs.' >&2
packages='buildah runc iptables ipset iproute2 containernetworking-plugins openssl gcc libc6-dev mmdebstrap tini'
needs test-cluster "$packages, and the commands docker and kubectl" \
    docker go runc iptables ipset ip tini-static buildah openssl kubectl cc /usr/lib/cni/bridge
$containers/programs.sh kubernetes "$FOLDER/bin"

engine=()
trap '$containers/node.sh down; [ ${#engine[@]} = 0 ] || $containers/engine.sh down' EXIT
if ! has_an_engine; then
    engine=($containers/engine.sh run)
    start_an_engine
fi
archives=$FOLDER/archives
mkdir -p "$archives"
docker_() { "${engine[@]}" docker "$@"; }
docker_ compose -p sluice-images -f docker-compose.yml -f $containers/house.yaml build backend worker frontend
docker_ build --quiet --tag vllm-stand-in:test --build-arg "PYTHON_IMAGE=${PYTHON_IMAGE%%@*}" $containers/vllm
[ -n "${STAND_INS:-}" ] || for image in "$VALKEY_IMAGE" "$POSTGRES_IMAGE"; do docker_ pull --quiet "${image%%@*}"; done

$containers/node.sh up
for image in sluice-backend:test sluice-worker:test sluice-frontend:test vllm-stand-in:test "${VALKEY_IMAGE%%@*}" "${POSTGRES_IMAGE%%@*}"; do
    docker_ save --output "$archives/one.tar" "$image"
    $containers/node.sh load "$archives/one.tar"
    rm -f "$archives/one.tar"
done
[ ${#engine[@]} = 0 ] || { $containers/engine.sh down && engine=(); }
bash $containers/keda.sh
$containers/node.sh run "$PYTHON" -m pytest -m real_cluster $containers "$@"
