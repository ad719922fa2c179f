"""The whole corpus in one order, and a fair share of it for a quick run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, zip_longest
from typing import NamedTuple

from tests.browser.corpus import formulas, html, markdown, mermaid
from tests.browser.corpus.payload import Marks, Payload, Place

BOTH: tuple[Place, ...] = ("answer", "user_message")


class Source(NamedTuple):
    kind: str
    texts: Callable[[Marks], Iterator[str]]
    places: tuple[Place, ...] = ("answer",)
    """Each text goes to one of them, in turn."""


SOURCES = (
    Source("markdown-link", markdown.links, BOTH),
    Source("markdown-image", markdown.images, BOTH),
    Source("markdown-breakout", markdown.breakouts, BOTH),
    Source("html-script", html.scripts, BOTH),
    Source("html-fetch", html.fetches, BOTH),
    Source("mermaid-link", mermaid.links),
    Source("mermaid-fetch", mermaid.fetches),
    Source("mermaid-script", mermaid.scripts),
    Source("formula-link", formulas.links),
    Source("formula-fetch", formulas.fetches),
    Source("formula-markup", formulas.markup),
    Source("formula-bomb", formulas.bombs),
    Source("title", html.names, ("title",)),
    Source("model-name", html.names, ("model_name",)),
)


def corpus(marks: Marks = Marks()) -> list[Payload]:  # noqa: B008 - a frozen record
    """Every payload, no text twice in one place."""
    return [payload for source in SOURCES for payload in payloads(source, marks)]


def payloads(source: Source, marks: Marks) -> Iterator[Payload]:
    for number, text in enumerate(dict.fromkeys(source.texts(marks))):
        place = source.places[number % len(source.places)]
        yield Payload(f"{source.kind}-{number:04d}", source.kind, place, text)


def sample(count: int, marks: Marks = Marks()) -> list[Payload]:  # noqa: B008 - a frozen record
    """So many payloads, as equally many of each kind as there are, spread over the kind."""
    kinds = [spread(list(payloads(source, marks)), count) for source in SOURCES]
    in_turn = (payload for row in zip_longest(*kinds) for payload in row if payload is not None)
    return list(islice(in_turn, count))


def spread(kind: list[Payload], count: int) -> list[Payload]:
    """The payloads in an order whose every beginning is spread over all of them."""
    step = next(step for step in range(int(len(kind) * 0.618) or 1, len(kind) + 2) if coprime(step, len(kind)))
    return [kind[(number * step) % len(kind)] for number in range(min(count, len(kind)))]


def coprime(first: int, second: int) -> bool:
    while second:
        first, second = second, first % second
    return first == 1
