"""What is run. A run is one scenario over one route."""

from __future__ import annotations

from typing import NamedTuple


class Scenario(NamedTuple):
    """A load, and the routes that it is put on, in this order.

    Open loop: `streams` times `rate` tokens a second for `seconds`, started over `ramp` seconds. Closed loop: `tokens`
    is set, and every stream asks for that many at once, again and again.
    """

    name: str
    streams: int
    rate: float
    seconds: float
    ramp: float
    routes: tuple[str, ...]
    tokens: int = 0
    workers: int = 1
    per_chat: bool = False  # CPU is reported per chat, not per token


BESIDE = ("floor", "direct", "sluice")
SPOKEN = ("events", "openai")  # a native token and OpenAI's, one run after the other: their ratio is a target
MAIN = "64x50"
CROWD = "1000x10"
CHATS = "chats"
FLAT_OUT = "flat-out"

FULL = (
    Scenario("1x50", 1, 50, 10, 0.5, BESIDE),
    Scenario(MAIN, 64, 50, 10, 1, (*BESIDE, *SPOKEN, "langserve")),
    Scenario("200x50", 200, 50, 10, 2, BESIDE),
    # One chat after the other: the first token's latency where nothing else is going on.
    Scenario("one-caller", 1, 0, 5, 0.1, ("direct", "sluice"), tokens=16, per_chat=True),
    Scenario(CHATS, 64, 0, 8, 0.5, ("direct", "sluice"), tokens=16, per_chat=True),
    Scenario(FLAT_OUT, 8, 0, 5, 0.5, BESIDE, tokens=500),
    # More streams than one worker has slots; a house of its own also means an API whose memory is still small.
    Scenario(CROWD, 1000, 10, 10, 8, ("direct", "sluice"), workers=4),
)
QUICK = (
    Scenario(MAIN, 64, 50, 2, 0.5, (*BESIDE, *SPOKEN)),
    Scenario(CHATS, 16, 0, 2, 0.5, ("direct", "sluice"), tokens=16, per_chat=True),
)
# This runs before anything is measured, so that imports are done, scripts loaded, connections open. Never reported.
WARM_UP = Scenario("warm-up", 8, 0, 1, 0.5, (), tokens=4)
