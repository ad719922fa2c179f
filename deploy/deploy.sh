#!/bin/sh
# Bring an overlay up on the cluster that kubectl speaks to, and see it answer. Safe to repeat.
#
#   REGISTRY=ghcr.io/you deploy/deploy.sh dev|staging|production|minimal      where our images are; dev needs none
#   REGISTRY=ghcr.io/you TAG=<commit> deploy/deploy.sh production --dry-run   show what would be changed, change nothing
#
# A registry that requires a login to read it: REGISTRY_USER and REGISTRY_TOKEN, which need no right but to read packages. REGISTRY=
# (empty) takes the names as the overlay has them, for nodes that have the images already.
# It makes the Secrets that are not there (random passwords; those that are there stay), applies, waits for the models and
# every rollout, and sends one chat through the queue. A rollout that fails is taken back.
set -eu

NAMESPACE=sluice
# A Deployment itself reports that nothing has moved for its progressDeadlineSeconds; this bounds one that moves for ever:
# eight workers leave one after the other, ten minutes each.
PATIENCE=${PATIENCE:-120m}
SERVERS_PATIENCE=30m # a StatefulSet never reports it
MODELS_PATIENCE=7200 # seconds for the Job that fetches models
LOOK=${LOOK:-5}      # seconds between two looks at it
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
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
    have_a_registry
    if [ "${2:-}" = --dry-run ]; then
        kubectl diff -f "$work/all.yaml" || [ $? = 1 ] # 1: there are differences
        exit 0
    fi
    kubectl apply -f "$here/bases/namespace/namespace.yaml"
    ensure_secrets
    ensure_pull_secret
    remove_old_jobs
    kubectl apply -f "$work/all.yaml"
    wait_for_models
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

have_a_registry() { # a name without one is Docker Hub's, which has none of our images
    [ "$overlay" = dev ] || [ -n "${REGISTRY+set}" ] || ! grep -q 'image: sluice-' "$work/all.yaml" || {
        echo 'deploy.sh: our images have no registry: REGISTRY=your.registry/you names where build.sh or a release put' \
            'them (REGISTRY= if every node has them already)' >&2
        exit 2
    }
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
        # SHA-1 is what htpasswd and Traefik share without another tool; 192 random bits cannot be guessed.
        printf 'sluice:{SHA}%s\n' "$(printf %s "$password" | openssl dgst -sha1 -binary | openssl base64)" >"$work/users"
        in_namespace create secret generic sluice-entrance --from-file=users="$work/users"
        echo "The entrance's user is sluice, its password $password (this is the only time that it is shown)." >&2
    fi
}

ensure_pull_secret() { # its name stands in the service accounts; a Secret without a password does no harm
    if [ -n "${REGISTRY_TOKEN:-}" ]; then
        login=$(printf %s "${REGISTRY_USER:-sluice}:$REGISTRY_TOKEN" | openssl base64 -A)
        printf '{"auths":{"%s":{"auth":"%s"}}}' "${REGISTRY%%/*}" "$login" >"$work/registry.json"
        in_namespace delete secret sluice-registry --ignore-not-found
    elif in_namespace get secret sluice-registry >/dev/null 2>&1 || brings sluice-registry; then
        return
    else
        printf '{"auths":{}}' >"$work/registry.json"
    fi
    in_namespace create secret generic sluice-registry --type=kubernetes.io/dockerconfigjson \
        --from-file=.dockerconfigjson="$work/registry.json"
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
    in_namespace delete jobs --selector 'app.kubernetes.io/name in (model-puller, secret-maker)' --ignore-not-found
}

wait_for_models() { # before anybody waits for a worker, which could only wait for its model
    waited=0
    for job in $(in_namespace get jobs --selector app.kubernetes.io/name=model-puller --output name); do
        until [ "$(state_of "$job")" = Complete ]; do
            if [ "$(state_of "$job")" = Failed ] || [ "$waited" -ge "$MODELS_PATIENCE" ]; then
                echo "deploy.sh: $job has not fetched its models: kubectl -n $NAMESPACE logs $job" >&2
                exit 1
            fi
            sleep "$LOOK"
            waited=$((waited + LOOK))
        done
    done
}

state_of() { # how a Job ended; nothing while it runs
    in_namespace get "$1" \
        --output 'jsonpath={range .status.conditions[?(@.status=="True")]}{.type}{"\n"}{end}' | grep -x 'Complete\|Failed'
}

wait_for_rollouts() {
    workloads=$(in_namespace get statefulsets,deployments --selector app.kubernetes.io/part-of=sluice --output name)
    for workload in $workloads; do
        patience=$PATIENCE
        case $workload in statefulset*) patience=$SERVERS_PATIENCE ;; esac
        in_namespace rollout status "$workload" --timeout "$patience" || take_back "$workload"
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
import json, urllib.error, urllib.request
body = json.dumps({"messages": [{"role": "user", "content": "Say hello."}], "stream": False}).encode()
request = urllib.request.Request("http://localhost:8000/api/chat", body, {"Content-Type": "application/json"})
def ask():
    return json.load(urllib.request.urlopen(request, timeout=660))
try:
    answer = ask()
except urllib.error.HTTPError as refused:
    if refused.code != 504:
        raise
    answer = ask() # its deadline has passed, but it has started the first worker: once more
assert answer["message"]["content"], answer
print("An answer came:", answer["message"]["content"][:80])
'
smoke_test() {
    in_namespace exec deployment/backend --container backend -- python -c "$ASK"
}

main "$@"
