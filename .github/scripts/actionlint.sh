#!/bin/sh
# actionlint of one version, over the workflows. The first call builds it from its Go module into .cache/bin; Go holds
# the module to its checksum.
set -eu
VERSION=v1.7.12

root=$(cd "$(dirname "$0")/../.." && pwd)
binary=$root/.cache/bin/actionlint-$VERSION

if [ ! -x "$binary" ]; then
    command -v go >/dev/null || { echo 'actionlint.sh: there is no Go here: install it' >&2; exit 1; }
    fresh=$(mktemp -d)
    GOBIN=$fresh go install "github.com/rhysd/actionlint/cmd/actionlint@$VERSION"
    mkdir -p "$root/.cache/bin"
    mv "$fresh/actionlint" "$binary" # at once: another call may look for it right now
    rmdir "$fresh"
fi
cd "$root"
exec "$binary" "$@"
