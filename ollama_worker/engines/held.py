"""Text of an answer that is held back until it is known whether it is a call of a tool."""

from __future__ import annotations

from ollama_worker.engines.base import AnswerTooLarge, Piece

MOST = 16 * 1024 * 1024  # characters
BEGINNING = 1024  # characters that are enough to recognize a call: names have 256 at most


class Held:
    """The text that is held back. It grows by pieces, and is not copied for each."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self.beginning = ""
        self.tokens = 0

    def add(self, piece: Piece) -> None:
        """Raises `AnswerTooLarge`."""
        self._parts.append(piece.text)
        self._size += len(piece.text)
        self.tokens += piece.tokens
        if self._size > MOST:
            raise AnswerTooLarge(f"The model wrote a call of more than {MOST >> 20} MB")
        if len(self.beginning) < BEGINNING:
            self.beginning = (self.beginning + piece.text)[:BEGINNING]

    def taken(self) -> str:
        """All of the text; nothing is held any more."""
        text = "".join(self._parts)
        self._parts, self._size = [], 0
        return text
