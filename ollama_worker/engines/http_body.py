"""The bytes of an engine's answer: every read has a bound."""

from __future__ import annotations

import aiohttp

from ollama_worker.engines.base import AnswerTooLarge

LINE_BYTES = 16 * 1024 * 1024  # of one line; a token's line has a few hundred, a whole call of a tool some thousands
ANSWER_BYTES = 512 * 1024 * 1024  # of a streamed answer with its frames; a million tokens take half of it


class Lines:
    """The lines of one streamed answer."""

    def __init__(self, content: aiohttp.StreamReader, most: int = ANSWER_BYTES, longest: int = LINE_BYTES) -> None:
        self._content = content
        self._most = most
        self._longest = longest
        self._read = 0
        self._begun: list[bytes] = []  # the parts of a line whose end has not come
        self._length = 0  # of these parts

    async def read(self) -> list[bytes]:
        """Wait for the next read that completes a line, and return all whole lines that are not empty; `[]` at the end.

        The rest behind the last newline is a line too: its decoder notices a cut one. Raises `AnswerTooLarge`.
        """
        while chunk := await self._content.readany():
            self._count(chunk)
            if b"\n" not in chunk:  # searched in the new chunk only: a growing line is not searched again and again
                self._keep(chunk)
                continue
            first, *lines = chunk.split(b"\n")
            whole = [line for line in (self._taken(first), *lines[:-1]) if line]
            self._keep(lines[-1])
            if whole:
                return whole
        last = self._taken(b"").strip()
        return [last] if last else []

    def _count(self, chunk: bytes) -> None:
        self._read += len(chunk)
        if self._read > self._most:
            raise AnswerTooLarge(f"The engine's answer has no end: more than {self._most >> 20} MB of it came")

    def _keep(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > self._longest:
            raise AnswerTooLarge(f"The engine sent a line of more than {self._longest >> 20} MB")
        if part:
            self._begun.append(part)

    def _taken(self, end: bytes) -> bytes:
        """The line that ends with `end`."""
        if not self._begun:
            return end
        whole = b"".join((*self._begun, end))
        self._begun, self._length = [], 0
        return whole


async def read_at_most(content: aiohttp.StreamReader, most: int, cut: bool = False) -> bytes:
    """A whole body. A body of more than `most` bytes is cut off there, or raises `AnswerTooLarge`."""
    parts: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        parts.append(chunk)
        size += len(chunk)
        if size > most and cut:
            break
        if size > most:
            raise AnswerTooLarge(f"The engine's answer is larger than {most >> 20} MB")
    return b"".join(parts)[:most]
