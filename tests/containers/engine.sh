#!/bin/bash
# A Docker engine of the tests' own, in network and mount namespaces of its own: engine.sh up|down|run COMMAND…
#
# Nothing of it listens on this machine, and a Docker that runs here is left alone. `run` starts a command inside, where
# DOCKER_HOST leads to it and a published port is on 127.0.0.1. FOLDER has bin/ (programs.sh docker) and gets engine/.
# Needs Linux, root, iproute2, iptables, runc, tini and the command `docker`.
set -euo pipefail
FOLDER=${FOLDER:?where the programs are}
HOME_=$FOLDER/engine
RUN=/run/sluice-engine
NAMESPACE=sluice-engine OUTSIDE=10.88.251.1 INSIDE=10.88.251.2 LINK=sluice-engine0
way_out=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)

. "$(dirname "$0")/lib.sh"
inside() { enter env DOCKER_HOST="unix://$RUN/docker.sock" DOCKER_CONFIG="$HOME_/config" "$@"; }

way_to_registries() { # builds ask package registries: by this machine's own address, and these two interfaces alone
    iptables -t nat -A POSTROUTING -s $INSIDE/32 -o "$way_out" -j MASQUERADE
    cat "/proc/sys/net/ipv4/conf/$way_out/forwarding" >"$HOME_/forwarding"
    echo 1 >"/proc/sys/net/ipv4/conf/$way_out/forwarding"
    echo 1 >/proc/sys/net/ipv4/conf/$LINK/forwarding
}

start() {
    (setsid nsenter --target "$(cat "$HOME_/holder.pid")" --net --mount -- \
        env PATH="$FOLDER/bin:/usr/sbin:/usr/bin:/sbin:/bin" sh -c 'echo $$ >"$0"; exec "$@"' "$HOME_/dockerd.pid" \
        dockerd --data-root "$HOME_/data" --exec-root $RUN --pidfile $RUN/docker.pid --host "unix://$RUN/docker.sock" \
        --userland-proxy-path "$FOLDER/bin/docker-proxy" --bip 10.88.252.1/24 >"$HOME_/dockerd.log" 2>&1 &)
    for _ in $(seq 240); do
        inside docker version >/dev/null 2>&1 && return
        sleep 0.5
    done
    tail -n 20 "$HOME_/dockerd.log" >&2
    return 1
}

up() {
    down
    mkdir -p $RUN "$HOME_/config/cli-plugins"
    ln -sf "$(command -v tini-static)" "$FOLDER/bin/docker-init" # what `init: true` runs; Docker's packages bring it
    ln -sf "$FOLDER/bin/docker-compose" "$FOLDER/bin/docker-buildx" "$HOME_/config/cli-plugins/"
    rm -f "$HOME_"/*.pid
    hold_namespaces
    way_to_registries
    start
}

down() {
    end dockerd dockerd
    release_namespaces
    iptables -t nat -D POSTROUTING -s $INSIDE/32 -o "$way_out" -j MASQUERADE 2>/dev/null || true
    [ ! -s "$HOME_/forwarding" ] || cat "$HOME_/forwarding" >"/proc/sys/net/ipv4/conf/$way_out/forwarding"
    rm -f "$HOME_/forwarding"
}

mkdir -p "$HOME_"
case ${1:-} in
    up | down) "$1" ;;
    run) shift && inside "$@" ;;
    *) sed -n '2s/^# //p' "$0" >&2 && exit 2 ;;
esac
