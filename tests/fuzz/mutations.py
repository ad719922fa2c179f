"""Requests with something wrong: a right one, bent in a few places, or bytes that are hardly JSON."""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.fuzz.shapes import SHAPES, Shape

TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",  # half of a character: JSON can say it, UTF-8 cannot
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


def junk() -> st.SearchStrategy[Any]:
    scalars = st.one_of(
        st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.integers(), st.text(max_size=20)
    )
    nested = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    )
    return st.one_of(scalars, nested, st.just(DEEP), st.just([{}] * 300))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value, as keys from the root."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        found += places(one, (*path, key))
    return found


@st.composite
def bent(draw: st.DrawFn, shape: Shape) -> dict[str, Any]:
    """The body with one to four places replaced, removed, doubled, wrapped, or given a neighbour."""
    body: dict[str, Any] = copy.deepcopy(shape.body)
    for _ in range(draw(st.integers(1, 4))):
        known = places(body)
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        holder: Any = body
        for key in way:
            holder = holder[key]
        how = draw(st.sampled_from(("replace", "replace", "replace", "remove", "double", "wrap", "add")))
        if how == "replace":
            holder[last] = copy.deepcopy(draw(junk()))
        elif how == "remove":
            del holder[last]
        elif how == "wrap":
            holder[last] = [holder[last]]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = copy.deepcopy(draw(junk()))
    return body


@st.composite
def requests(draw: st.DrawFn, shapes: tuple[Shape, ...] = SHAPES) -> Sent:
    """Mostly bent bodies; now and then bytes that are no request at all, or odd headers."""
    shape = draw(st.sampled_from(shapes))
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2, unique=True)) if draw(st.booleans()) else []
    headers = {name: draw(st.sampled_from(HEADERS[name])) for name in names}
    if draw(st.integers(0, 19)) == 0:
        body = draw(st.sampled_from(RAW) | st.binary(max_size=40))
    else:
        body = json.dumps(draw(bent(shape))).encode()  # in ASCII, so that half a character can be sent too
    return Sent(shape.path, body, {"Content-Type": "application/json", **headers})
