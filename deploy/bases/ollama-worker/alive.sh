#!/bin/sh
# The kubelet's question whether this container's worker goes on: `sh alive.sh`, exit status 1 for "start it again".
#
# A worker has no port. It touches SLUICE_ALIVE_FILE at each turn of its beat, every two seconds, whether Redis answers or
# not, and as often while it waits for its engine; a process that hangs touches nothing. Its jobs run elsewhere after ten
# seconds, but its GPU is lost until somebody starts it again. No file: it has not come that far yet.
#
# No Python: on a busy node its imports alone outlast a probe's patience, and a healthy worker would be killed.
set -eu
file=${SLUICE_ALIVE_FILE:-/tmp/alive}
limit=${ALIVE_LIMIT_SECONDS:-60} # thirty beats
[ -e "$file" ] || exit 0
# It may have gone in between.
touched=$(stat -c %Y "$file" 2>/dev/null) || exit 0
[ $(($(date +%s) - touched)) -le "$limit" ]
