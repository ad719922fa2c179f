"""`X-Sluice-Pace`: how long tokens may be gathered before they are sent.

A page draws some twenty times a second. Each token that is sent in between costs the page a wake-up, and this process a
write.
"""

from __future__ import annotations

from starlette.requests import Request

from backend.chat.numbers import whole_number
from backend.errors import Invalid

LONGEST_MS = 1_000


def pace_of(request: Request) -> float:
    """The pace in seconds; 0 where the header is missing: every token is sent as it comes. Raises Invalid."""
    ms = whole_number(request.headers.get("x-sluice-pace", "0"), LONGEST_MS)
    if ms is not None:
        return ms / 1000
    raise Invalid(f"X-Sluice-Pace must be whole milliseconds, from 0 to {LONGEST_MS}.", "invalid_pace")
