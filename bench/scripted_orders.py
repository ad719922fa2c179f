"""What a prompt may order of the scripted engine, beside being answered.

!tokens N               N numbered words: each is unique, so that a lost or doubled one is seen
!say TEXT               that text
!fault KIND [after N]   fail, where N is given at word N of numbered words; `once` behind it: only the first time
    500 503 429 400     that status (in the middle of a stream: an error in the stream)
    cut                 the connection breaks
    silent              nothing more comes, and the connection stays open
    context             the prompt is said to be too long
    memory              the model is said not to fit
    image               an image is said to be none: by Ollama as status 500
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
    """`at` None: instead of an answer; else when so many tokens are out."""

    kind: str
    at: int | None
    once: bool


class Order(NamedTuple):
    text: str = ""
    fault: Fault | None = None


def order_in(text: str) -> Order | None:
    """None where nothing that is known here is ordered."""
    found = ORDER.search(text)
    if found is None:
        return None
    if found["words"]:
        return Order(numbered(int(found["words"])))
    if found["say"] is not None:
        return Order(found["say"])
    if found["kind"] not in FAULTS:
        return None
    at = int(found["after"]) if found["after"] else None
    return Order(numbered((at or 0) + 10), Fault(found["kind"], at, " once" in text[found.end() :]))


def numbered(count: int) -> str:
    """`w0 w1 w2 …`"""
    return " ".join(f"w{n}" for n in range(count))
