#!/bin/sh
# kustomize of the version that these manifests are rendered with: `deploy/kustomize.sh build deploy/overlays/dev`.
#
# The first call builds it from its Go module into .cache/bin, about a minute. Without Go it is one of the PATH, whose
# output may differ in small things. To apply an overlay alone needs neither: kubectl has a kustomize of its own.
set -eu
VERSION=v5.7.1

root=$(cd "$(dirname "$0")/.." && pwd)
binary=$root/.cache/bin/kustomize-$VERSION

build() {
    fresh=$(mktemp -d)
    GOBIN=$fresh go install "sigs.k8s.io/kustomize/kustomize/v5@$VERSION"
    mkdir -p "$root/.cache/bin"
    mv "$fresh/kustomize" "$binary" # at once: another call may look for it right now
    rmdir "$fresh"
}

if [ ! -x "$binary" ]; then
    if command -v go >/dev/null; then
        build
    elif ! binary=$(command -v kustomize); then
        echo 'kustomize.sh: neither Go nor kustomize is on the PATH: install one of them' >&2
        exit 1
    fi
fi
exec "$binary" "$@"
