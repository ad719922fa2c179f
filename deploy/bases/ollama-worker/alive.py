"""The kubelet's question whether this container's worker goes on: `python alive.py [pid]`, 1 for "start it again".

A worker has no port. What shows its life is its beat in Redis; a process that hangs is reaped there within ten seconds,
and its jobs run elsewhere, but its GPU is lost until somebody starts it again. That is all that this is for, so it
says no only when nothing has moved for a minute in which Redis answered.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from redis import Redis, RedisError

from wire.keys import Keys

LIMIT = float(os.environ.get("ALIVE_LIMIT_SECONDS", "60"))  # thirty beats
PATIENCE = 3.0  # seconds for Redis


def main(pid: str = "1") -> int:
    # A container that was started again is another process, and begins anew: /tmp outlives it.
    place = Path("/tmp", f"alive-{pid}-{started(pid)}")  # noqa: S108 - the pod's own, nobody else writes there
    last = json.loads(place.read_text()) if place.exists() else {"beats": {}, "moved": 0.0}
    now = time.monotonic()
    beats = my_beats()
    if beats is None or not last["beats"] or (beats and beats != last["beats"]):
        place.write_text(json.dumps({"beats": beats or last["beats"], "moved": now}))
        return 0
    return int(now - last["moved"] > LIMIT)


def started(pid: str) -> str:
    """When the process began, in clock ticks since the machine did. Its name may hold spaces, so count behind it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def my_beats() -> dict[str, str] | None:
    """Incarnation → beat of this host's lives; none yet while it waits for its engine. None: Redis does not answer."""
    limits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    try:
        with Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, **limits) as redis:
            beats: dict[str, str] = redis.hgetall(Keys(os.environ.get("SLUICE_POOL", "default")).beats)
    except (RedisError, OSError):
        return None
    return {name: beat for name, beat in beats.items() if name.startswith(f"{socket.gethostname()}-")}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
