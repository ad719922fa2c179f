# What engine.sh and node.sh share: namespaces of their own, joined to this machine by one pair of interfaces, and programs
# that wrote down their own ids. HOME_, NAMESPACE, LINK, OUTSIDE and INSIDE are the caller's.

enter() { nsenter --target "$(cat "$HOME_/holder.pid")" --net --mount -- sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"; }

hold_namespaces() { # [a script that is run in the mount namespace first]
    ip netns add "$NAMESPACE"
    ip link add "$LINK" type veth peer name eth0 netns "$NAMESPACE"
    ip addr add "$OUTSIDE/30" dev "$LINK" && ip link set "$LINK" up
    ip -n "$NAMESPACE" addr add "$INSIDE/30" dev eth0
    ip -n "$NAMESPACE" link set eth0 up && ip -n "$NAMESPACE" link set lo up
    ip -n "$NAMESPACE" route add default via "$OUTSIDE"
    setsid nsenter --net="/run/netns/$NAMESPACE" unshare --mount --propagation private \
        sh -c "${1:-} echo \$\$ >$HOME_/holder.pid; exec sleep infinity" >/dev/null 2>&1 &
    until [ -s "$HOME_/holder.pid" ]; do sleep 0.1; done
}

release_namespaces() {
    end holder infinity
    ip link del "$LINK" 2>/dev/null || true
    ip netns del "$NAMESPACE" 2>/dev/null || true
}

end() { # name, a part of its command line: a program by the id that it wrote down itself, if that is still ours
    local pid
    pid=$(cat "$HOME_/$1.pid" 2>/dev/null) && grep -qz "$2" "/proc/$pid/cmdline" 2>/dev/null || return 0
    kill "$pid"
    for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.5; done
    kill -9 "$pid" 2>/dev/null || true
}
