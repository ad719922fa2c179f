"""A batch's input file: lines of JSON, each `{"custom_id", "method": "POST", "url", "body"}`.

A line that is no JSON object means that the file is no batch's input, and the batch fails. An object that is a wrong
request fails alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, NamedTuple

import orjson

from backend.batches.answers import refused
from backend.batches.doors import DOORS, alone
from backend.batches.states import LINE_FAILED, WAITING
from backend.bounds import RequestBounds
from backend.dialects.common.door import Incoming
from backend.dialects.openai.embeddings import EMBEDDINGS_PATH
from backend.dialects.openai.errors import BadParameter
from backend.entrance.body import parse_json
from backend.errors import ApiError, Invalid, TooLarge
from backend.ids import BatchId
from backend.store.rows import LineRow

BOM = b"\xef\xbb\xbf"
CUSTOM_ID_MAX = 512  # characters


class NotJsonl(Exception):
    """A line that is no JSON object; the message is the reason."""


class RawLine(NamedTuple):
    """A line of the file. `number`: its place, from 0. `text` None: the line is longer than a request may be."""

    number: int
    text: bytes | None


async def raw_lines(chunks: AsyncIterable[bytes], limit: int) -> AsyncIterator[RawLine]:
    """Every line that is not blank. Nothing is kept of a line over `limit` bytes."""
    held, number, over = b"", 0, False
    async for chunk in chunks:
        *whole, rest = (held + chunk).split(b"\n")
        for line in whole:
            if over or line.strip():
                yield RawLine(number, None if over or len(line) > limit else _stripped(line, number))
            number, over = number + 1, False
        over = over or len(rest) > limit
        held = b"" if over else rest
    if over or held.strip():
        yield RawLine(number, None if over else _stripped(held, number))


def _stripped(line: bytes, number: int) -> bytes:
    return (line.removeprefix(BOM) if number == 0 else line).strip()


class Checker:
    """Reads the lines of one batch, in order, and remembers their custom ids."""

    def __init__(self, batch: BatchId, endpoint: str, bounds: RequestBounds) -> None:
        self._batch = batch
        self._endpoint = endpoint
        self._door = DOORS[endpoint]
        self._bounds = bounds
        self._seen: set[str] = set()

    def row(self, raw: RawLine) -> LineRow:
        """The line's row. Raises NotJsonl."""
        fields, wrong = self._parsed(raw)
        custom_id = fields.get("custom_id")
        waits = LineRow(self._batch, raw.number, _shown(custom_id), None, WAITING, None)
        try:
            if wrong is not None:
                raise wrong
            body = self._body(fields)
        except ApiError as error:
            answer = refused(self._batch, raw.number, _shown(custom_id), error)
            return waits._replace(state=LINE_FAILED, answer=answer)
        self._seen.add(str(custom_id))
        return waits._replace(body=orjson.dumps(body).decode())

    def _parsed(self, raw: RawLine) -> tuple[dict[str, Any], ApiError | None]:
        if raw.text is None:
            return {}, TooLarge("This line is longer than a request may be (SLUICE_MAX_BODY_BYTES).")
        try:
            parsed = parse_json(raw.text, numbers=self._endpoint == EMBEDDINGS_PATH)
        except Invalid as error:
            if error.code == "invalid_json":
                raise NotJsonl(error.message.replace("The body", "This line")) from None
            return {}, error
        if not isinstance(parsed, dict):
            raise NotJsonl("This line is JSON, but no object.")
        return parsed, None

    def _body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The body of the line's request. Raises ApiError for a request that cannot be submitted."""
        custom_id, body = fields.get("custom_id"), fields.get("body")
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= CUSTOM_ID_MAX:
            raise BadParameter("custom_id", f"custom_id: must be a text of 1 to {CUSTOM_ID_MAX} characters.")
        if custom_id in self._seen:
            raise BadParameter("custom_id", "custom_id: an earlier line has the same one.", "duplicate_custom_id")
        if fields.get("method") != "POST":
            raise BadParameter("method", "method: must be POST.", "invalid_method")
        if fields.get("url") != self._endpoint:
            raise BadParameter("url", f"url: must be the batch's endpoint, {self._endpoint}.", "mismatched_url")
        if not isinstance(body, dict):
            raise BadParameter("body", "body: must be an object.")
        alone(self._door.read(Incoming(body, self._bounds, self._endpoint)))
        return body


def _shown(custom_id: object) -> str | None:
    return custom_id[:CUSTOM_ID_MAX] if isinstance(custom_id, str) else None
