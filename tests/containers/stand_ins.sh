#!/bin/sh
# Take the stand-ins of bases.sh into the engine, under their real names and without digests: stand_ins.sh IMAGE…
# What the engine has already stays.
set -eu
here=$(dirname "$0")
docker_() { "$here/engine.sh" run docker "$@"; }
for image; do
    image=${image%%@*}
    id=$(buildah inspect --type image --format '{{.FromImageID}}' "localhost/$image")
    [ "$(docker_ image inspect --format '{{.Id}}' "$image" 2>/dev/null)" != "sha256:$id" ] || continue
    file=$(mktemp -u "${FOLDER:?}/archive.XXXXXX")
    buildah push --quiet "localhost/$image" "docker-archive:$file:$image" >/dev/null
    docker_ load --quiet --input "$file"
    rm -f "$file"
done
