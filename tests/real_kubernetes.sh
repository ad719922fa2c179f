#!/bin/sh
# Run what only a real control plane can show: tests/real_kubernetes.sh [pytest arguments]
#
# It is etcd, kube-apiserver, kube-controller-manager, and KEDA's operator and metrics adapter, built from their Go
# modules, once, into .cache/kubernetes; KEDA alone is eleven minutes of one processor.
# That needs go; the tests need openssl and Linux. There is no kubelet and no scheduler: no container ever starts.
#
# A module of another content than the sum beside it is refused. What it is built of is pinned by the go.mod and go.sum
# that it carries; Kubernetes' own libraries, which are modules of the same release, by Go's checksum database.
set -eu

KUBERNETES=k8s.io/kubernetes@v1.36.3
KUBERNETES_SUM=h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=
LIBRARIES=v0.36.3 # the same release, as its libraries count
KEDA=github.com/kedacore/keda/v2@v2.20.2 # deploy/components/keda is for it; tests/deploy reads its CRDs
KEDA_SUM=h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=

cd "$(dirname "$0")/.."
PROGRAMS=$PWD/.cache/kubernetes/${KUBERNETES##*@}-keda-${KEDA##*@}
PYTHON=${PYTHON:-.venv/bin/python}

fetch() { # module@version sum → source
    told=$(cd / && go mod download -json "$1")
    case $told in
        *"\"Sum\": \"$2\""*) source=$(printf '%s' "$told" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') ;;
        *) echo "real_kubernetes.sh: $1 is not what was pinned" >&2 && exit 1 ;;
    esac
    # Go writes into the go.mod and go.sum that it builds with, and nobody may write into the module's own.
    cp "$source/go.mod" "$source/go.sum" "$scratch/"
    chmod u+w "$scratch/go.mod" "$scratch/go.sum"
}

build() { # program package [linker's flags]
    [ ! -x "$PROGRAMS/$1" ] || return 0
    echo "Building $1 (once) …" >&2
    (cd "$source" && GOWORK=off nice -n 19 go build -p 2 -mod=mod -modfile="$scratch/go.mod" \
        -ldflags "-s -w ${3:-}" -o "$PROGRAMS/$1.new" "$2")
    mv "$PROGRAMS/$1.new" "$PROGRAMS/$1"
}

build_all() {
    mkdir -p "$PROGRAMS"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    fetch "$KEDA" "$KEDA_SUM"
    build keda-operator ./cmd/operator
    build keda-adapter ./cmd/adapter
    fetch "$KUBERNETES" "$KUBERNETES_SUM"
    # It names its libraries as folders beside it, which only the repository has.
    sed -i "s|=> ./staging/src/\(.*\)|=> \1 $LIBRARIES|" "$scratch/go.mod"
    release="-X k8s.io/component-base/version.gitVersion=${KUBERNETES##*@}"
    build kube-apiserver ./cmd/kube-apiserver "$release"
    build kube-controller-manager ./cmd/kube-controller-manager "$release"
    build etcd go.etcd.io/etcd/server/v3 # the one whose library this Kubernetes is built with
    rm -rf "$scratch" # `exec` below runs no trap
}

[ -x "$PROGRAMS/etcd" ] || build_all # it is the last
export KUBERNETES_PROGRAMS="$PROGRAMS"
[ "${1:-}" != --build ] || exit 0
exec "$PYTHON" -m pytest -m real_kubernetes tests/kubernetes "$@"
