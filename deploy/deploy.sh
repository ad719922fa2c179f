#!/bin/sh
# Bring an overlay up on the cluster that kubectl speaks to, and see it answer. Safe to repeat.
#
#   deploy/deploy.sh dev|staging|production|minimal      REGISTRY=ghcr.io/you TAG=<commit> choose our images
#   deploy/deploy.sh production --dry-run                show what would be changed, and change nothing
#
# It makes the Secrets that are not there (random passwords; those that are there stay), applies, waits for every
# rollout, and sends one chat through the queue. A rollout that fails is taken back.
set -eu

NAMESPACE=sluice
PATIENCE=${PATIENCE:-30m} # an old worker may take ten minutes to leave, a new one minutes to load its model
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

main() {
    overlay=${1:-}
    [ -n "$overlay" ] && [ -f "$here/overlays/$overlay/kustomization.yaml" ] || usage
    [ "${2:-}" = "" ] || [ "${2:-}" = --dry-run ] || usage
    work=$(mktemp -d "$here/.rendered.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM

    choose_images
    kubectl kustomize "$work" >"$work/all.yaml"
    if [ "${2:-}" = --dry-run ]; then
        kubectl diff -f "$work/all.yaml" || [ $? = 1 ] # 1: there are differences
        exit 0
    fi
    kubectl apply -f "$here/bases/namespace/namespace.yaml"
    ensure_secrets
    remove_old_jobs
    kubectl apply -f "$work/all.yaml"
    wait_for_rollouts
    smoke_test
}

choose_images() { # the overlay, with our images from REGISTRY at TAG where those are set
    {
        echo 'apiVersion: kustomize.config.k8s.io/v1beta1'
        echo 'kind: Kustomization'
        echo "resources: [../overlays/$overlay]"
        [ -z "${REGISTRY:-}${TAG:-}" ] || echo 'images:'
        for image in sluice-backend sluice-frontend sluice-worker; do
            [ -z "${REGISTRY:-}${TAG:-}" ] || echo "  - name: $image"
            [ -z "${REGISTRY:-}" ] || echo "    newName: $REGISTRY/$image"
            [ -z "${TAG:-}" ] || echo "    newTag: \"$TAG\""
        done
    } >"$work/kustomization.yaml"
}

random() { # letters and digits only: it stands in URLs
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

in_namespace() {
    kubectl --namespace "$NAMESPACE" "$@"
}

ensure_secrets() { # an overlay that brings its own, or has them brought by a vault, is left alone
    if ! in_namespace get secret sluice-secrets >/dev/null 2>&1 && ! brings sluice-secrets; then
        for name in redis-api redis-worker redis-keda postgres; do
            printf '%s-password=%s\n' "$name" "$(random)"
        done >"$work/secrets.env"
        in_namespace create secret generic sluice-secrets --from-env-file="$work/secrets.env"
    fi
    if ! in_namespace get secret sluice-entrance >/dev/null 2>&1 && reads sluice-entrance && ! brings sluice-entrance; then
        password=$(random)
        # SHA-1 is what htpasswd and Traefik share without another tool; of 192 random bits nobody guesses one.
        printf 'sluice:{SHA}%s\n' "$(printf %s "$password" | openssl dgst -sha1 -binary | openssl base64)" >"$work/users"
        in_namespace create secret generic sluice-entrance --from-file=users="$work/users"
        echo "The entrance's user is sluice, its password $password (this is the only time that it is shown)." >&2
    fi
}

brings() { # does the overlay make this Secret, or an ExternalSecret of its name?
    awk -v name="$1" '
        /^---/ { kind = "" }
        /^kind: / { kind = $2 }
        /^  name: / && $2 == name && (kind == "Secret" || kind == "ExternalSecret") { found = 1 }
        END { exit !found }' "$work/all.yaml"
}

reads() {
    grep -q "secret: $1\$" "$work/all.yaml"
}

remove_old_jobs() { # a Job cannot be changed, only made anew; what it fetched is in the volume
    in_namespace delete jobs --selector app.kubernetes.io/name=model-puller --ignore-not-found
}

wait_for_rollouts() {
    workloads=$(in_namespace get statefulsets,deployments --selector app.kubernetes.io/part-of=sluice --output name)
    for workload in $workloads; do
        in_namespace rollout status "$workload" --timeout "$PATIENCE" || take_back "$workload"
    done
}

take_back() {
    echo "deploy.sh: $1 did not come up; its former version is brought back" >&2
    in_namespace get events --sort-by=.lastTimestamp | tail -n 20 >&2 || true
    in_namespace rollout undo "$1" || true
    exit 1
}

# One chat through the queue, from inside the API's pod: it needs no entrance and no password.
ASK='
import json, urllib.request
body = json.dumps({"messages": [{"role": "user", "content": "Say hello."}], "stream": False}).encode()
asked = urllib.request.Request("http://localhost:8000/api/chat", body, {"Content-Type": "application/json"})
answer = json.load(urllib.request.urlopen(asked, timeout=600))
assert answer["message"]["content"], answer
print("An answer came:", answer["message"]["content"][:80])
'
smoke_test() {
    in_namespace exec deployment/backend --container backend -- python -c "$ASK"
}

main "$@"
