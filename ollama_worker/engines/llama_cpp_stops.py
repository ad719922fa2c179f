"""Stop strings for llama.cpp's OpenAI routes: it ends an answer at a stop string, and does not report at which.

So llama.cpp gets none of them, and the text is cut here. It then sends its counts with every chunk: otherwise they come
with the last chunk, which is never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollama_worker.engines.base import Finished, Piece
from ollama_worker.engines.openai_stream import OpenAIReader
from wire.records import JobRequest


def with_stop_reader(
    ask: JobRequest, body: dict[str, Any], answer: OpenAIReader
) -> tuple[dict[str, Any], OpenAIReader | StopReader]:
    """(body, reader) that cut the answer at the ask's stop strings; unchanged where it has none."""
    stop = ask.options.get("stop") or []
    stops = [stop] if isinstance(stop, str) else [text for text in stop if text]
    if not stops:
        return body, answer
    rest = {name: value for name, value in body.items() if name != "stop"}
    return rest | {"timings_per_token": True}, StopReader(answer, stops)


class StopReader:
    """A reader of an answer's lines that ends the answer before the first of `stops` in its text."""

    def __init__(self, answer: OpenAIReader, stops: list[str]) -> None:
        self._answer = answer
        self._stops = stops
        self._held: list[Piece] = []  # pieces whose end may begin a stop string

    def read(self, lines: list[bytes]) -> Iterator[Piece | Finished]:
        for item in self._answer.read(lines):
            if type(item) is Piece and item.text:
                self._held.append(item)
                text = "".join(piece.text for piece in self._held)
                if place := self._found(text):
                    yield from self._taken(place[0])
                    yield self._answer.stopped(place[1])
                    return
                yield from self._taken(len(text) - self._begun(text))
            else:
                yield from self._held
                self._held = []
                yield item

    def _found(self, text: str) -> tuple[int, str] | None:
        """(place, stop string) of the one that is whole first: one that begins before it may never be whole."""
        places = ((text.find(stop), stop) for stop in self._stops)
        whole = (place for place in places if place[0] >= 0)
        return min(whole, key=lambda place: (place[0] + len(place[1]), place[0]), default=None)

    def _begun(self, text: str) -> int:
        """How many of the last characters begin a stop string."""
        return max(beginning(text, stop) for stop in self._stops)

    def _taken(self, length: int) -> Iterator[Piece]:
        """The pieces of the first `length` characters, which are then no longer held."""
        while self._held and length:
            piece = self._held.pop(0)
            if len(piece.text) > length:
                piece, rest = split(piece, length)
                self._held.insert(0, rest)
            length -= len(piece.text)
            yield piece


def beginning(text: str, stop: str) -> int:
    """How many of the last characters of `text` are the first characters of `stop`, but not all of them."""
    lengths = range(min(len(text), len(stop) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)


def split(piece: Piece, length: int) -> tuple[Piece, Piece]:
    """The piece as two, the first of `length` characters. A token's logprob goes to the piece in which the token
    ends."""
    end = 0
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for entry in piece.logprobs or ():
        end += len(entry.get("token") or "")
        (first if end <= length else rest).append(entry)
    begun = piece._replace(text=piece.text[:length], logprobs=first or None)
    return begun, Piece(piece.text[length:], logprobs=rest or None, tokens=0)
