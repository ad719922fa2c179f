#!/bin/sh
# Fetch every model of SLUICE_MODELS (a,b,c) into OLLAMA_MODELS; those that are there already are only checked.
set -eu
ollama serve &
server=$!
trap 'kill "$server"' EXIT
until ollama list >/dev/null 2>&1; do
    kill -0 "$server" # where it has ended there is nothing to wait for
    sleep 1
done
echo "$SLUICE_MODELS" | tr -s ', ' '\n' | while read -r model; do
    [ -z "$model" ] || ollama pull "$model"
done
