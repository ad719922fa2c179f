"""A job's events as the stream of `/v1/responses`.

response.created 0, (queued 1, of a background response,) in_progress with the first attempt; then for each item of the
output `output_item.added`, its part's `added`, deltas, `done`s and `output_item.done`; at last `completed`, `failed`
(of a cancelled one too) or `incomplete` with the whole response.

Every frame has a `sequence_number`. Which one is a function of the event log alone, so that any API process continues a
stream exactly: it reads the log from its start and leaves out what was sent. An event that is in no log has no number
of its own: queue news are comments, and while nothing comes the response's latest state is sent again, under the number
of the last event. So clients that wait for events go on waiting, and a client that resumes behind it misses nothing. An
attempt that is void leaves its open item as incomplete; the next one begins new items behind it, and the response at
the end holds only what won.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from backend.dialects.common.sse import queue_line
from backend.dialects.common.translation import Translation
from backend.dialects.responses.object import (
    Item,
    Origin,
    call_item,
    calls_of,
    ended,
    is_whole,
    item_id,
    logprob_list,
    message_item,
    reasoning_item,
    response,
    summary_part,
    text_part,
)
from backend.errors import ApiError, interrupted
from wire.events import EventId, LogEntry

END = {"completed": "response.completed", "incomplete": "response.incomplete"}


class Kind(NamedTuple):
    """How one kind of text is sent: the prefix of its ids, the names of its events, its part's place in the item."""

    prefix: str
    text: str
    part: str
    place: dict[str, int]
    item_of: Callable[[str, str, Item | None], Item]


TEXT = Kind("msg", "response.output_text", "response.content_part", {"content_index": 0}, message_item)
THOUGHT = Kind(
    *("rs", "response.reasoning_summary_text", "response.reasoning_summary_part", {"summary_index": 0}, reasoning_item)
)


class OpenText:
    """The item that is being written. `frame` makes a delta's bytes of a sequence number and a JSON string."""

    def __init__(self, kind: Kind, id: str, index: int) -> None:
        self.kind = kind
        self.id = id
        self.index = index
        self.where: dict[str, Any] = {"item_id": id, "output_index": index}
        self.literals: list[bytes] = []  # JSON strings: nothing is decoded before the end
        self.logprobs: list[dict[str, Any]] = []
        body: dict[str, Any] = {"type": kind.text + ".delta", **self.where, **kind.place}
        if kind is TEXT:
            body["logprobs"] = []
        head = orjson.dumps(body)[:-1].replace(b"%", b"%%")
        name = kind.text.encode()
        self.frame = b'event: %b.delta\ndata: %b,"sequence_number":%%d,"delta":%%b}\n\n' % (name, head)

    def text(self) -> str:
        joined: str = orjson.loads(b'"' + b"".join(literal[1:-1] for literal in self.literals) + b'"')
        return joined

    def part(self, text: str) -> Item:
        return text_part(text, self.logprobs) if self.kind is TEXT else summary_part(text)


class ResponseEvents(Translation):
    """The events of one stream. Frames up to the number `after` were sent before, by whichever process."""

    def __init__(self, origin: Origin, after: int = -1) -> None:
        super().__init__(flowing=True, takes_back=True)
        self._origin = origin
        self._after = after
        self._sequence = 0
        self._index = 0  # of the next item
        self._restarts = 0
        self._void()

    def _void(self) -> None:
        self._open: OpenText | None = None
        self._output: list[Item] = []
        self._counts = {"msg": 0, "rs": 0, "fc": 0}

    @property
    def output(self) -> list[Item]:
        """The items that were sent and closed, of the attempt that counts."""
        return self._output

    # -- what the relay calls ------------------------------------------------------------------------------------
    def opening(self) -> bytes:
        background = bool((self._origin.ask.echo or {}).get("background"))
        body = response(self._origin, "queued" if background else "in_progress", [])
        created = self._frame("response.created", response=body)
        return created + self._frame("response.queued", response=body) if background else created

    def keep_alive(self) -> bytes:
        state = "in_progress" if self._begun else "queued"
        body = response(self._origin, state, [])
        return event_frame(f"response.{state}", max(self._sequence - 1, self._after), response=body)

    def broken(self, error: ApiError) -> bytes:
        self.done = True
        return self._frame("error", code=error.code, message=error.message, param=None)

    # -- events --------------------------------------------------------------------------------------------------
    def _queued(self, entry: LogEntry, fields: Item) -> bytes:
        return queue_line(fields)

    def _started(self, entry: LogEntry, fields: Item) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._frame("response.in_progress", response=response(self._origin, "in_progress", []))

    def _plain(self, id: EventId, literal: bytes) -> bytes:
        item = self._open
        if item is None or item.kind is not TEXT:
            return self._delta(TEXT, literal)
        item.literals.append(literal)
        number = self._next()
        return item.frame % (number, literal) if number > self._after else b""

    def _token(self, entry: LogEntry, fields: Item) -> bytes:
        frames = b""
        if thinking := fields.get("thinking"):
            frames += self._delta(THOUGHT, orjson.dumps(thinking))
        if text := fields.get("text"):
            frames += self._delta(TEXT, orjson.dumps(text), fields.get("logprobs") or ())
        for call in calls_of(self._origin.job, self._restarts, fields.get("tool_calls") or (), self._counts["fc"]):
            frames += self._close("completed") + self._call(call)
        return frames

    def _restarted(self, entry: LogEntry, fields: Item) -> bytes:
        """The event is in the log, unless the log itself was lost: then the numbers so far mean nothing."""
        if entry.id is None:
            return self.broken(interrupted())
        frames = self._close("incomplete")
        self._void()
        self._restarts += 1
        return frames

    def _completed(self, entry: LogEntry, fields: Item) -> bytes:
        return self._ended(fields)

    def _failed(self, entry: LogEntry, fields: Item) -> bytes:
        return self._ended(fields)

    def _ended(self, end: Item) -> bytes:
        self.done = True
        frames = self._close("completed" if is_whole(end) else "incomplete")
        body = ended(self._origin, end, self._output)
        return frames + self._frame(END.get(body["status"], "response.failed"), response=body)

    # -- items ---------------------------------------------------------------------------------------------------
    def _delta(self, kind: Kind, literal: bytes, logprobs: Sequence[dict[str, Any]] = ()) -> bytes:
        opened = b""
        if self._open is None or self._open.kind is not kind:
            opened = self._close("completed") + self._begin(kind)
        item = self._open
        assert item is not None  # noqa: S101 - begun above
        item.literals.append(literal)
        if logprobs:
            item.logprobs.extend(logprobs)
            about = {**item.where, **kind.place, "delta": orjson.loads(literal), "logprobs": logprob_list(logprobs)}
            return opened + self._frame(kind.text + ".delta", **about)
        number = self._next()
        return opened + item.frame % (number, literal) if number > self._after else opened

    def _begin(self, kind: Kind) -> bytes:
        self._open = item = OpenText(kind, self._new_id(kind.prefix), self._index)
        empty = kind.item_of(item.id, "in_progress", None)
        added = self._frame("response.output_item.added", output_index=self._index, item=empty)
        self._index += 1
        return added + self._frame(kind.part + ".added", **item.where, **kind.place, part=item.part(""))

    def _close(self, status: str) -> bytes:
        """End the open text, if there is one."""
        if self._open is None:
            return b""
        item, self._open = self._open, None
        text, where = item.text(), {**item.where, **item.kind.place}
        logprobs = {"logprobs": logprob_list(item.logprobs)} if item.kind is TEXT else {}
        whole = item.kind.item_of(item.id, status, item.part(text))
        frames = self._frame(item.kind.text + ".done", **where, text=text, **logprobs)
        frames += self._frame(item.kind.part + ".done", **where, part=item.part(text))
        return frames + self._done(item.index, whole)

    def _call(self, call: dict[str, Any]) -> bytes:
        """A call comes whole."""
        id, index, arguments = self._new_id("fc"), self._index, call["function"]["arguments"]
        where = {"item_id": id, "output_index": index}
        self._index += 1
        begun = call_item(id, "in_progress", call, "")
        frames = self._frame("response.output_item.added", output_index=index, item=begun)
        frames += self._frame("response.function_call_arguments.delta", **where, delta=arguments)
        name = call["function"]["name"]
        frames += self._frame("response.function_call_arguments.done", **where, name=name, arguments=arguments)
        return frames + self._done(index, call_item(id, "completed", call, arguments))

    def _done(self, index: int, item: Item) -> bytes:
        self._output.append(item)
        return self._frame("response.output_item.done", output_index=index, item=item)

    def _new_id(self, prefix: str) -> str:
        number = self._counts[prefix]
        self._counts[prefix] += 1
        return item_id(prefix, self._origin.job, self._restarts, number)

    # -- frames --------------------------------------------------------------------------------------------------
    def _next(self) -> int:
        number = self._sequence
        self._sequence += 1
        return number

    def _frame(self, kind: str, **fields: Any) -> bytes:
        number = self._next()
        return event_frame(kind, number, **fields) if number > self._after else b""


def event_frame(kind: str, number: int, **fields: Any) -> bytes:
    body = orjson.dumps({"type": kind, "sequence_number": number, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)
