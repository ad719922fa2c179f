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
# shellcheck disable=SC2016 # a pod's command has variables of its own
set -eu
umask 077

NAMESPACE=sluice
FILES=appendonlydir # what the server calls the folder of its append-only file, in /data

usage() {
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

main() {
    [ $# = 3 ] || usage
    case "$1-$2" in
        save-redis | save-postgres | restore-redis | restore-postgres) ;;
        *) usage ;;
    esac
    work=
    resting=
    trap leave EXIT
    trap 'exit 130' INT TERM
    "$1_$2" "$3"
}

leave() {
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$resting" ] || echo "backup.sh: the API is still away: kubectl -n $NAMESPACE scale deployment backend --replicas $replicas" >&2
}

begin() { # a folder beside the file, so that the copy takes its place in one step; and what the pod ends a copy with
    work=$(mktemp -d "$(dirname -- "$1")/.backup.XXXXXX")
    end=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
}

take_end_off() { # `kubectl exec` may break off and still report success: then the copy lacks its end
    [ "$(tail -c ${#end} "$work/copy" | LC_ALL=C tr -cd 0-9a-f)" = "$end" ] || return 1
    dd if=/dev/null of="$work/copy" bs=1 seek=$(($(wc -c <"$work/copy") - ${#end})) 2>/dev/null
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
    begin "$1"
    tries=0
    until manifest >"$work/before" && copy_redis && manifest >"$work/after" && cmp -s "$work/before" "$work/after"; do
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || fail "the queue's file was written anew, or the copy broke off, each time"
    done
    mv "$work/copy" "$1"
}

copy_redis() { # tar exits with 1 where a file grew while it was read: the file that is written to
    within redis sh -c 'tar --create --file - --directory /data "$1" || [ $? = 1 ] && printf %s "$2"' \
        sh "$FILES" "$end" >"$work/copy" && take_end_off
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

# The password is the pod's: it is looked up there, and stands in no command line.
save_postgres() {
    begin "$1"
    within postgres sh -c 'PGPASSWORD=$POSTGRES_PASSWORD pg_dump --username sluice --format custom --dbname sluice &&
        printf %s "$1"' sh "$end" >"$work/copy"
    take_end_off || fail "the copy broke off"
    mv "$work/copy" "$1"
}

restore_postgres() { # in one transaction: all of it or nothing
    [ "$(head -c 5 "$1")" = PGDMP ] || fail "$1 is no copy of a database"
    rest
    within postgres sh -c 'PGPASSWORD=$POSTGRES_PASSWORD exec pg_restore --username sluice --dbname sluice \
        --clean --if-exists --no-owner --single-transaction --exit-on-error' <"$1"
    wake
}

rest() { # no jobs are let in; workers end what they run. An autoscaler leaves a Deployment at zero alone
    scale=$(kubectl --namespace "$NAMESPACE" get deployment backend \
        --output 'jsonpath={.spec.replicas} {.spec.template.spec.terminationGracePeriodSeconds}')
    replicas=${scale% *}
    [ "$replicas" != 0 ] || replicas=1 # a restore that failed has left it there; an autoscaler adds what is missing
    resting=1
    scale 0
    kubectl --namespace "$NAMESPACE" wait --for delete pod --selector app.kubernetes.io/name=backend \
        --timeout "$((${scale#* } + 60))s"
}

wake() {
    scale "$replicas"
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
