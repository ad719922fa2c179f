#!/bin/sh
# Copies what must not be lost out of a running house, and back. Nothing is stopped for a copy.
#
#   deploy/backup.sh save redis|postgres FILE       a copy, complete or none
#   deploy/backup.sh restore redis|postgres FILE    back; the API is away meanwhile (docs/deploy/backup.md)
#
# The queue's append-only file is copied as it is written: what is acknowledged stands in it (while the disk is slow to
# sync: up to two seconds later), an unfinished last line is dropped when it is read. Only while the server writes it
# anew could a copy mix old and new files: the manifest, which changes then, is read before and after, and the copy
# begins again. No user may CONFIG or BGREWRITEAOF, and none need.
set -eu
umask 077

NAMESPACE=sluice
FILES=appendonlydir # what the server calls the folder of its append-only file, in /data

usage() {
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

main() {
    # shellcheck disable=SC2016 # the password is the pod's: it is looked up there, and stands in no command line
    AS_OWNER='PGPASSWORD=$POSTGRES_PASSWORD exec "$@" --username sluice'
    [ $# = 3 ] || usage
    case "$1-$2" in
        save-redis | save-postgres | restore-redis | restore-postgres) ;;
        *) usage ;;
    esac
    work=$(mktemp -d)
    resting=
    trap leave EXIT
    trap 'exit 130' INT TERM
    "$1_$2" "$3"
}

leave() {
    rm -rf "$work"
    [ -z "$resting" ] || echo "backup.sh: the API is still away: kubectl -n $NAMESPACE scale deployment backend --replicas 2" >&2
}

within() { # a command in the pod of redis or postgres
    name=$1
    shift
    kubectl --namespace "$NAMESPACE" exec -i "$name-0" --container "$name" -- "$@"
}

manifest() {
    within redis sh -c "cat /data/$FILES/*.manifest"
}

save_redis() {
    tries=0
    until manifest >"$work/before" && copy_redis && manifest >"$work/after" && cmp -s "$work/before" "$work/after"; do
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || fail "the queue's file was written anew each time that it was copied"
    done
    mv "$work/copy" "$1"
}

copy_redis() { # tar tells with 1 that a file grew while it was read: it is the one that is written to
    within redis tar --create --file - --directory /data "$FILES" >"$work/copy" || [ $? = 1 ]
}

restore_redis() {
    readable "$1"
    rest
    within redis sh -c "rm -rf /data/restored && mkdir /data/restored && tar -xf - -C /data/restored" <"$1"
    # The server keeps writing to the files that it has open, wherever they are: what it knows now is moved aside, whole.
    within redis sh -c "rm -rf /data/replaced && mv /data/$FILES /data/replaced && mv /data/restored/$FILES /data/$FILES"
    kubectl --namespace "$NAMESPACE" delete pod redis-0
    kubectl --namespace "$NAMESPACE" rollout status statefulset/redis --timeout 15m
    wake
}

readable() {
    tar -tf "$1" 2>/dev/null | grep -q "^$FILES/.*\.manifest\$" || fail "$1 is no copy of a queue"
}

save_postgres() {
    within postgres sh -c "$AS_OWNER" sh pg_dump --format custom --dbname sluice >"$work/copy"
    mv "$work/copy" "$1"
}

restore_postgres() { # in one transaction: all of it or nothing
    [ "$(head -c 5 "$1")" = PGDMP ] || fail "$1 is no copy of a database"
    rest
    within postgres sh -c "$AS_OWNER" sh pg_restore --dbname sluice \
        --clean --if-exists --no-owner --single-transaction --exit-on-error <"$1"
    wake
}

rest() { # nobody lets jobs in; workers end what they run. An autoscaler leaves a Deployment at zero alone
    resting=1
    scale 0
    kubectl --namespace "$NAMESPACE" wait --for delete pod --selector app.kubernetes.io/name=backend --timeout 15m
}

wake() {
    scale 2
    resting=
    kubectl --namespace "$NAMESPACE" rollout status deployment/backend --timeout 15m
}

scale() {
    kubectl --namespace "$NAMESPACE" scale deployment backend --replicas "$1"
}

fail() {
    echo "backup.sh: $1" >&2
    exit 1
}

main "$@"
