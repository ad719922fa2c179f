"""The orders that a prompt may give the scripted engine, beside a question to answer.

!tokens N               N numbered words: each is unique, so that a lost or doubled one is seen
!say TEXT               that text
!fault KIND [after N]   fail, where N is given at word N of numbered words; `once` behind it: only the first time
    500 503 429 400     that status (in the middle of a stream: an error in the stream)
    cut                 the connection breaks
    silent              nothing more comes, and the connection stays open
    context             an error: the prompt is too long
    memory              an error: the model does not fit
    image               an error: the image is none; by Ollama as status 500
"""

from __future__ import annotations

import re
from typing import NamedTuple

ORDER = re.compile(
    r"!(?:tokens (?P<words>\d{1,6})|say (?P<say>.*)|fault (?P<kind>\w+)(?: after (?P<after>\d{1,6}))?)", re.S
)
STATUSES = ("500", "503", "429", "400")
FAULTS = (*STATUSES, "cut", "silent", "context", "memory", "image")


class Fault(NamedTuple):
    """An ordered fault. `at` None: it comes instead of an answer; else after that many tokens."""

    kind: str
    at: int | None
    once: bool


class Order(NamedTuple):
    text: str = ""
    fault: Fault | None = None


def order_in(text: str) -> Order | None:
    """The order in a text; None where the text has no known order."""
    match = ORDER.search(text)
    if match is None:
        return None
    if match["words"]:
        return Order(numbered(int(match["words"])))
    if match["say"] is not None:
        return Order(match["say"])
    if match["kind"] not in FAULTS:
        return None
    at = int(match["after"]) if match["after"] else None
    return Order(numbered((at or 0) + 10), Fault(match["kind"], at, " once" in text[match.end() :]))


def numbered(count: int) -> str:
    """`w0 w1 w2 …`"""
    return " ".join(f"w{n}" for n in range(count))
