"""What one attempt has produced so far, and the event that ends it."""

from __future__ import annotations

import time
from typing import Any

import orjson

from ollama_worker.continuation import Earlier
from ollama_worker.engines.base import Finished, Piece
from wire.events import Completed, Timings, Usage

MOST_TOKENS = 1_000_000  # of one attempt: no model writes more, and the log lies in Redis for a day
MOST_CHARACTERS = 16 * 1024 * 1024  # of one attempt, with its thoughts, calls and logprobs


class Answer:
    """The sum of an engine's pieces, behind the text of earlier attempts. Times are ms since the attempt began."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[dict[str, Any]] = []
        self.earlier = Earlier()
        self.tokens = 0
        self._size = 0  # characters
        self.first_token_ms = 0
        self._began = time.monotonic()
        self._thought_at: int | None = None  # when the first thought came
        self._spoke_at: int | None = None  # when the first text or call came

    def add(self, piece: Piece) -> None:
        if not self.tokens:
            self.first_token_ms = self.elapsed_ms()
        self.tokens += piece.tokens
        self._size += len(piece.text) + len(piece.thinking)
        if piece.logprobs or piece.tool_calls:
            self._size += len(orjson.dumps((piece.logprobs, piece.tool_calls)))
        if piece.thinking:
            self.thinking.append(piece.thinking)
            if self._thought_at is None:
                self._thought_at = self.elapsed_ms()
        if piece.text:
            self.text.append(piece.text)
        if piece.tool_calls:
            self.tool_calls.extend(piece.tool_calls)
        if self._spoke_at is None and (piece.text or piece.tool_calls):
            self._spoke_at = self.elapsed_ms()

    @property
    def too_long(self) -> bool:
        """Whether the engine has to be stopped: it does not end by itself."""
        return self.tokens > MOST_TOKENS or self._size > MOST_CHARACTERS

    def elapsed_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    @property
    def begun(self) -> bool:
        """Whether something of this attempt has gone out. A thought may cost no token of its own."""
        return bool(self.tokens or self.thinking or self.text or self.tool_calls)

    @property
    def spoken(self) -> bool:
        """Whether a token has gone out, in this attempt or before it: what comes now must follow that token."""
        return self.begun or self.earlier.spoken

    def result(self) -> bytes:
        """The result for the job's record. Vectors and counts are not in it: the log has them."""
        body: dict[str, Any] = {"text": self.earlier.text + "".join(self.text)}
        if self.thinking:
            body["thinking"] = "".join(self.thinking)
        if self.tool_calls:
            body["tool_calls"] = self.tool_calls
        return orjson.dumps(body)

    def completed(self, model: str, end: Finished, queued_ms: int) -> Completed:
        """The terminal event that follows the engine's own end mark."""
        generated = max(end.completion_tokens, self.tokens)
        total = self.elapsed_ms()
        seconds = (end.generate_ms or max(1, total - self.first_token_ms)) / 1000
        return Completed(
            finish_reason=end.reason,
            usage=self._usage(end, generated),
            timings=Timings(
                queued_ms=queued_ms,
                load_ms=end.load_ms,
                prompt_ms=end.prompt_ms,
                first_token_ms=self.first_token_ms,
                thinking_ms=self._thinking_ms(total),
                generate_ms=end.generate_ms,
                total_ms=total,
            ),
            tokens_per_second=round(generated / seconds, 2),
            model=model,
            stop_sequence=end.stop_sequence or None,
        )

    def _usage(self, end: Finished, generated: int) -> Usage:
        """A continued prompt holds the earlier text. The caller gets that text as answer: it is counted only there."""
        prompt = max(0, end.prompt_tokens - self.earlier.tokens)
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=self.earlier.tokens + generated,
            cached_tokens=min(end.cached_tokens, prompt),
            thinking_tokens=end.thinking_tokens,
        )

    def _thinking_ms(self, total: int) -> int:
        """How long the answer was thought about; an answer that is all thought, until its end."""
        if self._thought_at is None:
            return 0
        return max(1, (total if self._spoke_at is None else self._spoke_at) - self._thought_at)
