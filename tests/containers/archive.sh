#!/bin/sh
# The stand-ins of bases.sh as archives that an engine or a node loads, under their real names: archive.sh FOLDER IMAGE…
set -eu
mkdir -p "$1"
folder=$1
shift
for image; do
    file=$folder/$(echo "${image%%@*}" | tr '/:' '__').tar
    rm -f "$file"
    buildah push --quiet "localhost/${image%%@*}" "docker-archive:$file:${image%%@*}" >/dev/null
    echo "$file"
done
