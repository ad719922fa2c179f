#!/bin/bash
# KEDA on the node, as pods: its own manifests and programs, of the release that components/keda is for.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
FOLDER=${FOLDER:?where the programs are}
eval "$(grep -E '^(KEDA)=' "$here/../real_kubernetes.sh" | sed 's/ #.*//')"
"$here/node.sh" own_image localhost/keda:test "$FOLDER/bin/keda-operator" keda 1000:1000
"$here/node.sh" own_image localhost/keda-metrics-apiserver:test "$FOLDER/bin/keda-adapter" keda-adapter 1000:1000
"$here/node.sh" own_image localhost/keda-admission-webhooks:test "$FOLDER/bin/keda-webhooks" keda-admission-webhooks 1000:1000
source=$(cd / && go mod download -json "$KEDA" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp -r "$source/config" "$place/config" && chmod -R u+w "$place"
kubectl kustomize "$place/config/default" | sed -E 's|image: .*/kedacore/([a-z-]+):.*|image: localhost/\1:test|
    s/imagePullPolicy: Always/imagePullPolicy: Never/; s/cpu: 100m/cpu: 20m/' >"$place/keda.yaml"
"$here/node.sh" kubectl apply --server-side -f "$place/keda.yaml" >/dev/null
for deployment in keda-operator keda-metrics-apiserver keda-admission; do
    "$here/node.sh" kubectl -n keda rollout status "deployment/$deployment" --timeout=180s
done
