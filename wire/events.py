"""The events of a job: one union discriminated on `type`, and a fast encoder for those that are written per token.

An event is compact JSON whose first member is `type`, so a reader recognises a token without parsing it. The id of an
event is `<attempt>-<seq>`: seq starts at 0 with `started` and has no gap; a terminal event that the owner did not write
takes the id after the log's last. `queued` is news: it is never logged and has no id. Readers ignore unknown fields and
unknown types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from wire.decoding import json_object

COUNT_MAX = 2**53  # of any count: SQL, JSON and JavaScript hold it exactly


def counted(value: object) -> int:
    """A count that another process wrote, clamped to 0 … `COUNT_MAX`; 0 for a value that is missing or no number."""
    if not isinstance(value, int | float) or value != value:  # NaN is not even itself
        return 0
    return int(min(max(value, 0), COUNT_MAX))


def measured(value: object) -> float:
    """The same for a number that need not be whole, such as a rate."""
    if not isinstance(value, int | float) or value != value:
        return 0.0
    return float(min(max(value, 0), COUNT_MAX))


Count = Annotated[int, BeforeValidator(counted)]
Measure = Annotated[float, BeforeValidator(measured)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Queued(_Event):
    """The place of a job. `position` 1: it is next, 0: it runs; `eta_seconds` absent: not known yet."""

    type: Literal["queued"] = "queued"
    position: int
    eta_seconds: int | None = None
    reason: Literal["waiting", "starting_worker", "loading_model"] = "waiting"
    detail: str | None = None  # why the job came back to the queue; absent: it did not


class Started(_Event):
    """An attempt has begun. The text of earlier attempts stands unless `restarted` follows."""

    type: Literal["started"] = "started"
    attempt: int
    worker: str
    model: str


class Token(_Event):
    """A burst of output: one or more model tokens (`n`, absent = 1).

    `embeddings`: vectors in the order of the inputs, each little-endian 32-bit floats in base64; `n` is 0 then.
    """

    type: Literal["token"] = "token"
    text: str | None = None
    thinking: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    logprobs: list[dict[str, Any]] | None = None
    embeddings: list[str] | None = None
    n: int = 1


class Usage(_Event):
    """Counts of tokens. `cached_tokens` of the prompt came from the engine's cache, `thinking_tokens` of the answer are
    thoughts; both are 0 where the engine does not report them.
    """

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    thinking_tokens: Count = 0


class Timings(_Event):
    """The times of an attempt, ms. `queued_ms`: from accept to its start; `first_token_ms`, `total_ms`: from that start
    on; `thinking_ms`: from the first thought to the first text after it, 0 where the model had no thought.
    """

    queued_ms: Count = 0
    load_ms: Count = 0
    prompt_ms: Count = 0
    first_token_ms: Count = 0
    thinking_ms: Count = 0
    generate_ms: Count = 0
    total_ms: Count = 0


class Completed(_Event):
    """The job was answered. `stop_sequence`: the caller's stop string that ended the answer; absent: none did, or the
    engine does not report it."""

    type: Literal["completed"] = "completed"
    finish_reason: str  # "stop" | "length" | "tool_calls" | "content_filter"
    usage: Usage
    timings: Timings
    tokens_per_second: Measure = 0.0
    model: str = ""
    stop_sequence: str | None = None


class Failed(_Event):
    """The job has failed. `retryable`: the same request may succeed if it is sent again."""

    type: Literal["failed"] = "failed"
    code: str
    message: str
    retryable: bool = False


class Cancelled(_Event):
    """The job was cancelled: `asked` by its caller, or `client_gone`."""

    type: Literal["cancelled"] = "cancelled"
    reason: str = "asked"


class Restarted(_Event):
    """All output so far is void: the next token begins the answer anew."""

    type: Literal["restarted"] = "restarted"
    reason: str = "worker_lost"


class Rerouted(_Event):
    """The job goes on as `model` in `pool`, before its first token. Where that is another pool, this log ends here."""

    type: Literal["rerouted"] = "rerouted"
    pool: str
    model: str
    reason: str  # the failure's code


Event = Annotated[
    Queued | Started | Token | Completed | Failed | Cancelled | Restarted | Rerouted, Field(discriminator="type")
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)

TERMINAL = frozenset({"completed", "failed", "cancelled"})
TOKEN_PREFIX = b'{"type":"token"'
STARTED_PREFIX = b'{"type":"started"'


class EventId(NamedTuple):
    """The id of an event, `<attempt>-<seq>`. Ids have the order of their pairs."""

    attempt: int
    seq: int

    def __str__(self) -> str:
        return f"{self.attempt}-{self.seq}"

    @classmethod
    def parse(cls, text: str | bytes) -> EventId:
        """Raises ValueError for anything but two decimal numbers of up to 19 digits with a dash between."""
        attempt, dash, seq = (text.decode("ascii") if isinstance(text, bytes) else text).partition("-")
        if not (dash and attempt.isascii() and seq.isascii() and attempt.isdigit() and seq.isdigit()):
            raise ValueError(f"not an event id: {text!r}")
        if len(attempt) > 19 or len(seq) > 19:
            raise ValueError(f"not an event id: {text!r}")
        return cls(int(attempt), int(seq))


START = EventId(0, 0)  # before every id a log can hold


class LogEntry(NamedTuple):
    """One event, from the log or live. `id` None: it is news, which is in no log."""

    id: EventId | None
    body: bytes

    @property
    def is_token(self) -> bool:
        return self.body.startswith(TOKEN_PREFIX)

    def fields(self) -> dict[str, Any]:
        """The event's fields, its counts clamped as in the event itself.

        {} for a body that is no event: readers skip it, as they skip a type that they do not know.
        """
        fields = json_object(self.body)
        if type(fields.get("n", 1)) is not int:
            fields["n"] = counted(fields["n"])
        if fields.get("type") == "completed":
            fields |= {name: _counts(fields[name]) for name in ("usage", "timings") if name in fields}
        return fields


def _counts(value: object) -> dict[str, int]:
    return {name: counted(count) for name, count in value.items()} if isinstance(value, dict) else {}


def entries_of(rows: Any) -> list[LogEntry]:
    """The entries of a log from the answer of XRANGE. An entry whose id no script can have given is left out."""
    return [entry for id, fields in rows if (entry := _entry(id, fields)) is not None]


def _entry(id: bytes, fields: dict[bytes, bytes]) -> LogEntry | None:
    try:
        return LogEntry(EventId.parse(id), fields.get(b"e", b"{}"))
    except ValueError:
        return None


def encode(event: _Event) -> bytes:
    """Compact JSON with `type` first; fields that are None are left out."""
    return orjson.dumps(event.model_dump(exclude_none=True))


def token(
    text: str, thinking: str = "", tool_calls: list[Any] | None = None, logprobs: list[Any] | None = None, n: int = 1
) -> bytes:
    """A `token` event as bytes, made without a pydantic model: this runs once a burst."""
    body: dict[str, Any] = {"type": "token"}
    if text:
        body["text"] = text
    if thinking:
        body["thinking"] = thinking
    if tool_calls:
        body["tool_calls"] = tool_calls
    if logprobs:
        body["logprobs"] = logprobs
    if n != 1:
        body["n"] = n
    return orjson.dumps(body)
