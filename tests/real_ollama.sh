#!/bin/sh
# Run the Ollama engine's tests, and what the client tests can ask of a tiny model, against a real Ollama:
# tests/real_ollama.sh [pytest arguments]
#
# Uses OLLAMA_BINARY or an `ollama` on the PATH. Else it builds one from source, once, into .cache/ollama: about four
# minutes on two cores. That needs go, a C++ compiler, and two header libraries that it installs where apt-get is there.
# The Go module lacks the headers of its own vendor folder (module archives leave out every folder of that name), so
# they come from packages: nlohmann-json and stb from Debian, miniaudio from the Go module that carries it.
set -eu

VERSION=v0.24.0
MINIAUDIO=v0.11.24 # of github.com/gen2brain/malgo

cd "$(dirname "$0")/.."
CACHE=$PWD/.cache/ollama
PYTHON=${PYTHON:-.venv/bin/python}

module_folder() { # module@version → where the Go tool keeps its source
    (cd "$CACHE" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

install_headers() {
    [ -e /usr/include/nlohmann/json.hpp ] && [ -e /usr/include/stb/stb_image.h ] && return
    as_root=''
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get install -y nlohmann-json3-dev libstb-dev
}

build() {
    install_headers
    rm -rf "$CACHE/source"
    mkdir -p "$CACHE/bin"
    cp -r "$(module_folder "github.com/ollama/ollama@$VERSION")" "$CACHE/source"
    chmod -R u+w "$CACHE/source"
    vendor=$CACHE/source/llama/llama.cpp/vendor
    mkdir -p "$vendor/miniaudio"
    cp -rL /usr/include/nlohmann /usr/include/stb "$vendor/"
    cp "$(module_folder "github.com/gen2brain/malgo@$MINIAUDIO")/miniaudio.h" "$vendor/miniaudio/"
    # The processor backend is compiled in; other backends would be looked for in lib/ollama and are not needed.
    (cd "$CACHE/source" && nice -n 15 go build -trimpath \
        -ldflags "-X github.com/ollama/ollama/version.Version=${VERSION#v}" -o "$CACHE/bin/ollama-$VERSION.new" .)
    mv "$CACHE/bin/ollama-$VERSION.new" "$CACHE/bin/ollama-$VERSION"
}

if [ -z "${OLLAMA_BINARY:-}" ]; then
    OLLAMA_BINARY=$(command -v ollama || echo "$CACHE/bin/ollama-$VERSION")
fi
[ -x "$OLLAMA_BINARY" ] || build
export OLLAMA_BINARY
exec "$PYTHON" -m pytest -m real_ollama tests/ollama_worker tests/clients "$@"
