"""Moments: Unix milliseconds inside; ISO 8601, or Unix seconds where OpenAI has them, in what callers read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

LAST_MS = 253_402_300_799_000  # the end of the year 9999: `datetime` has no later one, and no clock shows one


def now_ms() -> int:
    """Unix milliseconds by this machine's clock; pool time is `wire.clock.Clock`'s."""
    return time.time_ns() // 1_000_000


def seconds(ms: int) -> int:
    """Unix milliseconds as whole Unix seconds, as OpenAI's objects have them."""
    return ms // 1000


def moment(ms: int) -> str:
    """Unix or pool milliseconds as ISO 8601 in UTC; a moment outside of the years 1970 to 9999 becomes the nearest."""
    at = datetime.fromtimestamp(max(0, min(ms, LAST_MS)) / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
