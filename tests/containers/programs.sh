#!/bin/sh
# Build an engine of containers, or a one-node cluster, from Go modules: programs.sh docker|kubernetes FOLDER
#
# Programs that FOLDER has already stay. It needs Go and, for two of the programs, a C compiler. The first time takes
# minutes for Docker (containerd, dockerd, compose, buildx) and half an hour of two cores for Kubernetes and KEDA.
#
# A module of another content than the sum beside it is refused. What a program is built of is pinned by the go.mod and
# go.sum of its module; Kubernetes' own libraries, which are modules of the same release, by Go's checksum database.
set -eu

CONTAINERD=github.com/containerd/containerd/v2@v2.2.1
CONTAINERD_SUM=h1:TpyxcY4AL5A+07dxETevunVS5zxqzuq7ZqJXknM11yk=
DOCKER=github.com/docker/docker@v28.5.2+incompatible
DOCKER_SUM=h1:DBX0Y0zAjZbSrm1uzOkdr1onVghKaftjlSWt4AFexzM=
COMPOSE=github.com/docker/compose/v2@v2.40.3
COMPOSE_SUM=h1:XeYkQu1svDtyfZPv5nTwFryQ25ZJMkIlc4pz9HalMPI=
BUILDX=github.com/docker/buildx@v0.30.1
BUILDX_SUM=h1:3vthfaTQOLt5QfN2nl7rKuPLUvx69nL5ZikFIXp//c8=
COREDNS=github.com/coredns/coredns@v1.12.4
COREDNS_SUM=h1:rIMnjPvB02drP18DTlJJb1vGkc8Tyl8fe7NFnnSv2lU=
ROUTER=github.com/cloudnativelabs/kube-router/v2@v2.1.0
ROUTER_SUM=h1:xWsptKtmZ44L+NjwFKoFAFlVdxCz8fka9A/eYJe95Ok=
# Kubernetes and KEDA: those of tests/real_kubernetes.sh.
pins=$(dirname "$0")/../real_kubernetes.sh
eval "$(grep -E '^(KUBERNETES|KUBERNETES_SUM|LIBRARIES|KEDA|KEDA_SUM)=' "$pins" | sed 's/ #.*//')"

usage() { sed -n '2s/^# //p' "$0" >&2 && exit 2; }
[ $# = 2 ] || usage
mkdir -p "$2"
PROGRAMS=$(cd "$2" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fetch() { # module@version sum [vendor] → source, with a go.mod and a go.sum of our own to write into
    answer=$(cd / && go mod download -json "$1")
    case $answer in
        *"\"Sum\": \"$2\""*) source=$(printf '%s' "$answer" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') ;;
        *) echo "programs.sh: $1 is not what was pinned" >&2 && exit 1 ;;
    esac
    cp "$source/${3:-go}.mod" "$scratch/go.mod"
    cp "$source/${3:-go}.sum" "$scratch/go.sum"
    chmod u+w "$scratch/go.mod" "$scratch/go.sum"
    [ -n "${3:-}" ] || return 0
    # Go builds in a folder that has a go.mod only, and this module calls its own otherwise.
    rm -rf "$scratch/copy" && cp -r "$source" "$scratch/copy" && chmod -R u+w "$scratch/copy"
    source=$scratch/copy && cp "$scratch/go.mod" "$scratch/go.sum" "$source/"
}

build() { # program package [linker's flags] [tags]; CGO=1 for one that needs C
    [ ! -x "$PROGRAMS/$1" ] || return 0
    echo "Building $1 (once) …" >&2
    (cd "$source" && GOWORK=off CGO_ENABLED=${CGO:-0} nice -n 19 go build -p "${GO_JOBS:-2}" -mod=mod \
        -modfile="$scratch/go.mod" -tags "${4:-}" -ldflags "-s -w ${3:-}" -o "$PROGRAMS/$1.new" "$2")
    mv "$PROGRAMS/$1.new" "$PROGRAMS/$1"
}

have() { # are all of them there?
    for program; do [ -x "$PROGRAMS/$program" ] || return 1; done
}

containerd() {
    have containerd containerd-shim-runc-v2 ctr && return
    fetch "$CONTAINERD" "$CONTAINERD_SUM"
    # A program that is built from a module knows no version by itself.
    build containerd ./cmd/containerd "-X github.com/containerd/containerd/v2/version.Version=${CONTAINERD##*@}" \
        no_btrfs,no_devmapper,no_zfs
    build containerd-shim-runc-v2 ./cmd/containerd-shim-runc-v2
    build ctr ./cmd/ctr
}

docker() {
    containerd
    have dockerd docker-proxy || {
        version=${DOCKER##*@v}
        fetch "$DOCKER" "$DOCKER_SUM" vendor
        CGO=1 build dockerd ./cmd/dockerd \
            "-X github.com/docker/docker/dockerversion.Version=${version%+*}" exclude_graphdriver_btrfs
        build docker-proxy ./cmd/docker-proxy
    }
    have docker-compose || {
        fetch "$COMPOSE" "$COMPOSE_SUM"
        build docker-compose ./cmd "-X github.com/docker/compose/v2/internal.Version=${COMPOSE##*@}"
    }
    have docker-buildx || {
        fetch "$BUILDX" "$BUILDX_SUM"
        build docker-buildx ./cmd/buildx "-X github.com/docker/buildx/version.Version=${BUILDX##*@}"
    }
}

kubernetes() {
    containerd
    have kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd || {
        fetch "$KUBERNETES" "$KUBERNETES_SUM"
        # It names its libraries as folders beside it, which only the repository has.
        sed -i "s|=> ./staging/src/\(.*\)|=> \1 $LIBRARIES|" "$scratch/go.mod"
        release="-X k8s.io/component-base/version.gitVersion=${KUBERNETES##*@}"
        CGO=1 build kubelet ./cmd/kubelet "$release"
        for program in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
            build "$program" "./cmd/$program" "$release"
        done
        build etcd go.etcd.io/etcd/server/v3 # the one whose library this Kubernetes is built with
    }
    have coredns || { fetch "$COREDNS" "$COREDNS_SUM" && build coredns .; }
    have keda-operator keda-adapter keda-webhooks || {
        fetch "$KEDA" "$KEDA_SUM"
        build keda-operator ./cmd/operator
        build keda-adapter ./cmd/adapter
        build keda-webhooks ./cmd/webhooks
    }
    have kube-router || { fetch "$ROUTER" "$ROUTER_SUM" && build kube-router ./cmd/kube-router; }
}

case $1 in
    docker | kubernetes) "$1" ;;
    *) usage ;;
esac
