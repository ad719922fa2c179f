#!/bin/sh
# The ACL file: users.acl with the Secret's passwords, as hashes. An ACL file knows no comments, so they stand here:
#   default off, so no client can log in with it; with all rights, since servers before Valkey 9 replay what scripts wrote with them
#   api     the API: all keys of ours, nothing that harms the server or looks beyond them; INFO for the eviction policy
#   worker  the commands that the scripts call, within the pools; it has no business with idempotency keys
#   keda    PING, and the length of a pool's demand
#   probe   PING, for the kubelet, without a password: it can read nothing
# Usage: make-users.sh TEMPLATE TARGET, with API_PASSWORD, WORKER_PASSWORD and KEDA_PASSWORD in the environment.
set -eu
umask 077
hash() { # password → what an ACL file takes for it
    [ "${#1}" -ge 16 ] || { echo "make-users: a password of the Secret has fewer than 16 characters" >&2; exit 1; }
    printf '#%s' "$(printf %s "$1" | sha256sum | cut -d' ' -f1)"
}
api=$(hash "$API_PASSWORD") worker=$(hash "$WORKER_PASSWORD") keda=$(hash "$KEDA_PASSWORD")
sed -e "s/%API%/$api/" -e "s/%WORKER%/$worker/" -e "s/%KEDA%/$keda/" "$1" >"$2"
