#!/usr/bin/env bash
# Build one of our images on the bases that deploy/digests.env names: build.sh backend|worker|frontend [BUILDX OPTION ...]
#
# A base without a digest is refused: a build on a tag is a build on whatever the tag is today. ALLOW_UNPINNED=1 takes it, for
# an image that is tried and thrown away.
set -euo pipefail
cd "$(dirname "$0")/../.."

part=$1
shift
bases=$(python3 .ci/pin_images.py bases)
if grep -v '@sha256:' <<<"$bases"; then
  echo 'build.sh: these bases have no digest: run "make pin-images" where there is a network, and commit it' >&2
  [ "${ALLOW_UNPINNED:-}" = 1 ] || exit 1
fi
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
options=(--build-arg "VERSION=$version" --build-arg "REVISION=${GITHUB_SHA:-unknown}")
# By this GitHub knows whose package it is.
[ -z "${GITHUB_REPOSITORY:-}" ] || options+=(--build-arg "SOURCE=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY")
[ "$part" != backend ] || options+=(--build-arg KUBERNETES=1) # what is built here goes to a cluster
while read -r base; do options+=(--build-arg "$base"); done <<<"$bases"
exec docker buildx build --file "deploy/images/$part.Dockerfile" "${options[@]}" "$@" .
