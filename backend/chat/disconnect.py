"""What a caller wants of a job whose connection has gone: `X-Sluice-On-Disconnect`."""

from __future__ import annotations

from typing import NamedTuple

from backend.chat.numbers import whole_number
from backend.errors import Invalid

GRACE_MAX_SECONDS = 86_400.0


class OnDisconnect(NamedTuple):
    """A caller's choice. `seconds`: until a deserted job is cancelled; None: the job runs on."""

    seconds: float | None


CANCEL = OnDisconnect(0.0)
CONTINUE = OnDisconnect(None)


def parse_on_disconnect(value: str | None, default: OnDisconnect = CANCEL) -> OnDisconnect:
    """The choice that the header's value makes: `cancel`, `continue` or `grace:<seconds>`. Raises Invalid."""
    if not value:
        return default
    by_word = {"cancel": CANCEL, "continue": CONTINUE}.get(value)
    if by_word is not None:
        return by_word
    word, _, written = value.partition(":")
    seconds = whole_number(written, GRACE_MAX_SECONDS)
    if word == "grace" and seconds is not None:
        return OnDisconnect(float(seconds))
    raise Invalid(
        "X-Sluice-On-Disconnect must be cancel, continue, or grace:<seconds> (at most a day).", "invalid_on_disconnect"
    )
