#!/bin/bash
# One node of Kubernetes of the tests' own: node.sh up|down|load ARCHIVE…|kubectl WORDS…|run COMMAND…|logs PROGRAM
#
# etcd, the API server, controllers, scheduler, containerd, kubelet, kube-proxy, CoreDNS as a pod, and kube-router, which
# enforces NetworkPolicies; all in network and mount namespaces of its own: nothing listens on this machine, and what the
# kubelet would set for the whole machine it sets in files of ours. FOLDER has bin/ (programs.sh kubernetes) and gets node/.
# Needs Linux, root, runc, the CNI plugins of Debian's containernetworking-plugins, ipset, iptables, iproute2, openssl,
# buildah, a C compiler and the command kubectl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
FOLDER=${FOLDER:?where the programs are}
BIN=$FOLDER/bin HOME_=$FOLDER/node
LOGS=$HOME_/log KEYS=$HOME_/keys RUN=/run/sluice-node
NAMESPACE=sluice-node OUTSIDE=10.88.250.1 INSIDE=10.88.250.2 LINK=sluice-node0 NAME=sluice-node
PODS=10.244.0.0/24 SERVICES=10.96.0.0/16 DNS=10.96.0.10
PROGRAMS=(kube-router kube-proxy kubelet kube-scheduler kube-controller-manager kube-apiserver etcd)
PAUSE=localhost/pause:1 # the first process of a pod's namespaces

. "$here/lib.sh"
kubectl_() { enter env KUBECONFIG="$KEYS/admin.kubeconfig" kubectl "$@"; }
start() { # program arguments…
    local name=$1
    shift
    (cd "$HOME_" && setsid nsenter --target "$(cat "$HOME_/holder.pid")" --net --mount -- \
        sh -c 'echo $$ >"$0"; exec "$@"' "$HOME_/$name.pid" \
        env -i PATH="$BIN:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$HOME_" "$BIN/$name" "$@" >"$LOGS/$name.log" 2>&1 &) \
        </dev/null >/dev/null 2>&1 # whoever reads our output does not wait for a program that goes on
}
wait_for() { # seconds command…
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "node.sh: not in time: $*" >&2 && return 1; }
        sleep 0.5
    done
}

namespaces() {
    local first="" file
    for setting in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
        file=$HOME_/$(basename $setting)
        cat /proc/sys/$setting >"$file"
        first+="mount --bind $file /proc/sys/$setting; "
    done
    hold_namespaces "$first sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 || true;"
}

sign() { # file subject [names]: a certificate, its key, and who asks the API server by it
    openssl req -newkey rsa:2048 -nodes -keyout "$KEYS/$1.key" -out "$KEYS/request" -subj "$2" 2>/dev/null
    openssl x509 -req -in "$KEYS/request" -CA "$KEYS/ca.crt" -CAkey "$KEYS/ca.key" -CAcreateserial -days 3 \
        -out "$KEYS/$1.crt" -extfile <(echo basicConstraints=CA:FALSE && [ -z "${3:-}" ] || echo "subjectAltName=$3") 2>/dev/null
    cat >"$KEYS/$1.kubeconfig" <<E
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://$INSIDE:6443", certificate-authority: $KEYS/ca.crt}}]
users: [{name: me, user: {client-certificate: $KEYS/$1.crt, client-key: $KEYS/$1.key}}]
contexts: [{name: node, context: {cluster: node, user: me}}]
current-context: node
E
}
keys() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$KEYS/ca.key" -out "$KEYS/ca.crt" -days 3 -subj /CN=authority \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    openssl genrsa -out "$KEYS/accounts.key" 2048 2>/dev/null
    local service=kubernetes.default.svc.cluster.local
    sign server /CN=server "IP:$INSIDE,IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:$NAME,DNS:$service,DNS:${service%.cluster.local},DNS:keda-metrics-apiserver.keda.svc"
    sign front-proxy /CN=front-proxy
    sign admin /O=system:masters/CN=admin
    sign controllers /CN=system:kube-controller-manager
    sign scheduler /CN=system:kube-scheduler
    sign kubelet "/O=system:nodes/CN=system:node:$NAME"
    sign proxy /CN=system:kube-proxy
    sign api-server /O=system:masters/CN=kube-apiserver
}

containers() {
    mkdir -p "$HOME_/cni" $RUN
    cat >"$HOME_/cni/10-bridge.conflist" <<E
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$HOME_/addresses", "ranges": [[{"subnet": "$PODS"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
E
    # Groups of both versions, no capability to lower a score, no AppArmor: as small virtual machines are.
    cat >"$HOME_/containerd.toml" <<E
version = 3
root = "$HOME_/containerd"
state = "$RUN/containerd"
oom_score = 0
[grpc]
  address = "$RUN/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$PAUSE"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "$HOME_/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
  BinaryName = "$(command -v runc)"
E
    start containerd --config "$HOME_/containerd.toml"
    wait_for 60 enter "$BIN/ctr" --address $RUN/containerd.sock version
}

control_plane() {
    start etcd --data-dir "$HOME_/etcd" --listen-client-urls http://127.0.0.1:2379 \
        --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
        --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380 \
        --log-level warn --unsafe-no-fsync
    start kube-apiserver --etcd-servers http://127.0.0.1:2379 --bind-address $INSIDE --advertise-address $INSIDE \
        --secure-port 6443 --tls-cert-file "$KEYS/server.crt" --tls-private-key-file "$KEYS/server.key" \
        --client-ca-file "$KEYS/ca.crt" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --service-cluster-ip-range $SERVICES --service-account-issuer https://kubernetes.default.svc \
        --service-account-key-file "$KEYS/accounts.key" --service-account-signing-key-file "$KEYS/accounts.key" \
        --requestheader-client-ca-file "$KEYS/ca.crt" --requestheader-allowed-names front-proxy \
        --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
        --requestheader-extra-headers-prefix X-Remote-Extra- --proxy-client-cert-file "$KEYS/front-proxy.crt" \
        --proxy-client-key-file "$KEYS/front-proxy.key" --kubelet-client-certificate "$KEYS/api-server.crt" \
        --kubelet-client-key "$KEYS/api-server.key" --kubelet-certificate-authority "$KEYS/ca.crt" \
        --enable-aggregator-routing --kubelet-preferred-address-types InternalIP
    wait_for 180 kubectl_ get --raw /readyz
    start kube-controller-manager --kubeconfig "$KEYS/controllers.kubeconfig" --bind-address 127.0.0.1 \
        --authentication-kubeconfig "$KEYS/controllers.kubeconfig" --authorization-kubeconfig "$KEYS/controllers.kubeconfig" \
        --service-account-private-key-file "$KEYS/accounts.key" --root-ca-file "$KEYS/ca.crt" \
        --use-service-account-credentials --leader-elect=false --cluster-cidr $PODS
    start kube-scheduler --kubeconfig "$KEYS/scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false \
        --authentication-kubeconfig "$KEYS/scheduler.kubeconfig" --authorization-kubeconfig "$KEYS/scheduler.kubeconfig"
}

node() {
    echo 'nameserver 127.0.0.1' >"$HOME_/resolv.conf"
    cat >"$HOME_/kubelet.yaml" <<E
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: ["$DNS"]
clusterDomain: cluster.local
resolvConf: $HOME_/resolv.conf
containerRuntimeEndpoint: unix://$RUN/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $KEYS/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $KEYS/server.crt
tlsPrivateKeyFile: $KEYS/server.key
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
E
    start kubelet --config "$HOME_/kubelet.yaml" --root-dir "$HOME_/kubelet" --node-ip $INSIDE \
        --hostname-override $NAME --kubeconfig "$KEYS/kubelet.kubeconfig" --v=2
    cat >"$HOME_/proxy.yaml" <<E
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $KEYS/proxy.kubeconfig}
mode: iptables
clusterCIDR: $PODS
hostnameOverride: $NAME
bindAddress: $INSIDE
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
E
    start kube-proxy --config "$HOME_/proxy.yaml"
    wait_for 120 kubectl_ get node $NAME
    kubectl_ wait --for=condition=Ready node/$NAME --timeout=180s
}

own_image() { # name: FROM scratch with one program of ours
    local place=$HOME_/image
    rm -rf "$place" && mkdir -p "$place" && cp "$2" "$place/program"
    printf 'FROM scratch\nCOPY program /%s\nUSER %s\nENTRYPOINT ["/%s"]\n' "$3" "${4:-65534:65534}" "$3" >"$place/Dockerfile"
    buildah bud --quiet --isolation=chroot --layers=false -t "$1" "$place" >/dev/null
    buildah push --quiet "$1" "docker-archive:$place/image.tar:$1" >/dev/null
    load "$place/image.tar" && rm -rf "$place"
}
load() { # archives of images, as `docker save` writes them
    for file; do
        enter "$BIN/ctr" --address $RUN/containerd.sock -n k8s.io images import --local "$file" >/dev/null
    done
}
pause() { # waits, and takes what is left of processes whose parents have ended
    mkdir -p "$HOME_"
    cat >"$HOME_/pause.c" <<'E'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void leave(int number) { (void)number; _exit(0); }
static void reap(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
    signal(SIGTERM, leave);
    signal(SIGINT, leave);
    signal(SIGCHLD, reap);
    for (;;) pause();
}
E
    cc -static -Os -o "$HOME_/pause" "$HOME_/pause.c"
    own_image $PAUSE "$HOME_/pause" pause
}

up() {
    down
    rm -rf "$HOME_/etcd" "$HOME_/addresses" "$HOME_/kubelet" "$KEYS" && rm -f "$HOME_"/*.pid
    mkdir -p "$LOGS" "$KEYS" $RUN
    namespaces
    keys
    containers
    pause
    control_plane
    node
    own_image localhost/coredns:test "$BIN/coredns" coredns 0:0
    kubectl_ apply -f "$here/coredns.yaml" >/dev/null
    start kube-router --run-router=false --run-service-proxy=false --run-firewall=true --run-loadbalancer=false \
        --kubeconfig "$KEYS/admin.kubeconfig" --hostname-override $NAME --service-cluster-ip-range $SERVICES \
        --enable-cni=false --health-port 20244 --metrics-port 0 --v 1
    kubectl_ -n kube-system rollout status deployment/coredns --timeout 120s
}

down() {
    for program in "${PROGRAMS[@]}"; do end "$program" "$BIN/"; done
    # The pods' shims outlive containerd: those of our own program and socket, and their processes.
    for shim in $(ps -eo pid,args | awk -v own="$BIN/containerd-shim-runc-v2" -v at="$RUN/" '$2 == own && index($0, at) {print $1}'); do
        for child in $(ps -o pid= --ppid "$shim"); do kill -9 "$child" 2>/dev/null || true; done
        kill -9 "$shim" 2>/dev/null || true
    done
    end containerd "$BIN/"
    release_namespaces
    for sandbox in $(ls /run/netns 2>/dev/null | grep ^cni- || true); do ip netns del "$sandbox" 2>/dev/null || true; done
}

mkdir -p "$HOME_"
case ${1:-} in
    up | down) "$1" ;;
    load) shift && load "$@" ;;
    own_image) shift && own_image "$@" ;;
    kubectl) shift && kubectl_ "$@" ;;
    run) shift && enter env KUBECONFIG="$KEYS/admin.kubeconfig" "$@" ;;
    logs) tail -n 40 "$LOGS/$2.log" ;;
    *) sed -n '2s/^# //p' "$0" >&2 && exit 2 ;;
esac
