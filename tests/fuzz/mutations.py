"""Requests with something wrong: a right one, bent in a few places, or bytes that are hardly JSON."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.shapes import Shape

TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",  # half of a character: JSON can write it, UTF-8 cannot
    "\u202e\u200b\ufeff",
    "👩‍👩‍👧‍👦" * 50,
    "é" * 5_000,
    "../../etc/passwd",
    "http://169.254.169.254/latest",
    "data:image/png;base64,AAAA",
    '{"a": 1}',
    "{{ system }} <|im_start|>",
    "nobody:7b",
    "developer",
    "function",
)
NUMBERS = (0, -1, 1, 2, 2**31, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, 5e-324, float("inf"), float("nan"))
DEEP: Any = "deep"
for _ in range(60):
    DEEP = {"properties": {"a": DEEP}, "type": "object", "items": [DEEP]} if _ < 8 else {"a": DEEP}
HEADERS: dict[str, tuple[str, ...]] = {
    "X-Sluice-On-Disconnect": ("cancel", "continue", "grace:0", "grace:-1", "grace:99999999999", "maybe"),
    "X-Sluice-Conversation": ("mine", "x" * 300, "a\tb"),
    "X-Sluice-Overflow": ("allow", "no"),
    "Idempotency-Key": ("one", "x" * 3_000),
    "Accept": ("text/event-stream", "application/x-ndjson", "image/png"),
    "Last-Event-ID": ("1-0", "x", "99999999999999999999-1"),
    "Content-Type": ("text/plain", "application/json; charset=utf-16", "multipart/form-data"),
    "anthropic-version": ("2023-06-01", "tomorrow"),
}
RAW = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"model": "x", "messages": [}',
    b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"messages": 1, "messages": [{"role": "user", "content": "hi"}]}',
    b'{"temperature": 1' + b"0" * 5_000 + b"}",
    b"model=x&prompt=y",
)


class Sent(NamedTuple):
    """One request as bytes."""

    path: str
    body: bytes
    headers: dict[str, str]


SCALARS: tuple[Any, ...] = (None, True, False, *NUMBERS, *TEXTS)


def junk(dice: Random, depth: int = 0) -> Any:
    """Any JSON value, odd ones more often than a person would send them."""
    kind = dice.randrange(12)
    if kind < 7 or depth > 2:
        return dice.choice(SCALARS)
    if kind == 7:
        return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0x11_0000)))) for _ in range(9))
    if kind == 8:
        return dice.randrange(-(2**70), 2**70)
    if kind == 9:
        return copy.deepcopy(dice.choice((DEEP, [{}] * 300)))
    inner = [junk(dice, depth + 1) for _ in range(dice.randrange(4))]
    return inner if kind == 10 else {str(number): item for number, item in enumerate(inner)}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value, as keys from the root."""
    paths = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        paths += places(item, (*path, key))
    return paths


def bent(dice: Random, shape: Shape) -> dict[str, Any]:
    """The body with one to four places replaced, removed, doubled, wrapped, or given a neighbour."""
    body: dict[str, Any] = copy.deepcopy(shape.body)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 4))):
        if known := places(body):
            bend(dice, body, dice.choice(known))
    return body


def bend(dice: Random, body: Any, place: tuple[Any, ...]) -> None:
    *way, last = place
    holder = body
    for key in way:
        holder = holder[key]
    how = dice.choice(("replace", "replace", "replace", "remove", "double", "wrap", "add"))
    if how == "replace":
        holder[last] = junk(dice)
    elif how == "remove":
        del holder[last]
    elif how == "wrap":
        holder[last] = [holder[last]]
    elif how == "double" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    elif isinstance(holder, dict):
        holder[dice.choice(TEXTS)] = junk(dice)


def request(number: int, shapes: tuple[Shape, ...]) -> Sent:
    """The same number makes the same request: mostly a bent body, now and then bytes that are no request at all."""
    dice = Random(number)
    shape = shapes[number % len(shapes)]
    names = dice.sample(sorted(HEADERS), dice.choice((0, 0, 0, 1, 2)))
    headers = {name: dice.choice(HEADERS[name]) for name in names}
    if dice.randrange(20) == 0:
        body = dice.choice((*RAW, dice.randbytes(40)))
    else:
        body = json.dumps(bent(dice, shape)).encode()  # in ASCII, so that half a character can be sent too
    return Sent(shape.path, body, {"Content-Type": "application/json", **headers})
