"""What a caller wants to happen to the job when the connection goes: `X-Sluice-On-Disconnect`."""

from __future__ import annotations

from typing import NamedTuple

from backend.errors import Invalid
from backend.numbers import whole_number

GRACE_MAX_SECONDS = 86_400.0


class OnDisconnect(NamedTuple):
    """`seconds` until a deserted job is cancelled; None: it runs on."""

    seconds: float | None


CANCEL = OnDisconnect(0.0)
CONTINUE = OnDisconnect(None)


def parse_on_disconnect(value: str | None, default: OnDisconnect = CANCEL) -> OnDisconnect:
    """`cancel`, `continue` or `grace:<seconds>`; raises Invalid for anything else."""
    if not value:
        return default
    named = {"cancel": CANCEL, "continue": CONTINUE}.get(value)
    if named is not None:
        return named
    word, _, written = value.partition(":")
    seconds = whole_number(written, GRACE_MAX_SECONDS)
    if word == "grace" and seconds is not None:
        return OnDisconnect(float(seconds))
    raise Invalid(
        "X-Sluice-On-Disconnect must be cancel, continue, or grace:<seconds> (at most a day).", "invalid_on_disconnect"
    )
