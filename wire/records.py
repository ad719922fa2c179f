"""A request to a worker, and the record of a job. All records are frozen.

`JobRequest` crosses a process, so it follows the rule of the wire: unknown fields are ignored, an absent field has the
meaning that is written beside it, and no field is ever removed within a version (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from wire.decoding import text, whole
from wire.events import EventId
from wire.ids import LOCAL_PRINCIPAL, Incarnation, JobId, PrincipalId, TenantId

PROTOCOL = 1

JobClass = Literal["interactive", "batch"]
CLASSES: tuple[JobClass, ...] = get_args(JobClass)  # the most urgent first, as in wire/scripts/policy.lua
JobState = Literal["queued", "running", "completed", "failed", "cancelled"]
STATES = get_args(JobState)
LIVE_STATES = ("queued", "running")
# `warm`: the job was given to the worker that had its conversation last; `loaded`: to one that has the model in memory;
# otherwise `idle`: a worker was free when the job came, or `queue`: the job waited for one.
Route = Literal["", "warm", "loaded", "idle", "queue"]
KEEP_MS = 86_400_000  # a day
BRIEF_MS = 900_000  # vectors and counts are large, and fetched at once: a quarter of an hour is enough


class Message(BaseModel):
    """One chat message, in the shape of Ollama's `/api/chat`.

    `images` are base64 without a data-URL prefix. `tool_calls` are `{"id", "function": {"name", "arguments"}}` objects
    (arguments: an object; `id` absent: the client's protocol has none). `tool_name` and `tool_call_id` are those of the
    call that a `tool` message answers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    images: tuple[str, ...] | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


ANY_MODEL = ""  # as a fallback: the first model of the job's worker that can chat


class Target(BaseModel):
    """A model in a pool: one place where a job may run.

    `model` may be `ANY_MODEL` in a fallback alone: the caller named no model, and none was known when the job came. An
    older worker sends its engine a request without a model, and the job fails as it would have without the fallback.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    pool: str
    model: str


class JobRequest(BaseModel):
    """A request to a worker, independent of the client's dialect and of the engine.

    `kind`: `chat` answers messages; `generate` continues a bare prompt, without a template; `embed` makes a vector of
    each input; `count` counts the tokens of messages and tools, and generates nothing.

    `options` are Ollama's sampling names (temperature, top_p, top_k, seed, stop, num_predict, num_ctx, …), already
    reduced to the allow list by the API; `grammar` (GBNF), `regex` and `logit_bias` (token id → bias) bind the answer,
    and an engine without them refuses the job. `format` is `"json"` or a JSON schema. `think` absent: the model's
    default; `effort`: the caller's own level, for engines that have more levels; absent: `think` alone decides.
    `tool_choice` absent: the model decides. `tools` are `{"type": "function", "function": {"name", "parameters", …}}`.

    `fallback`: the places to continue in, in this order, where this model cannot answer and no token has gone out.
    `affinity` identifies a conversation: the worker that had its last turn may still hold it in its cache. `door` and
    `echo` are for the API alone: the dialect that submitted the job, and the parts of the request that it shows again.
    Workers ignore both.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = PROTOCOL
    kind: Literal["chat", "generate", "embed", "count"] = "chat"
    model: str
    messages: tuple[Message, ...] = ()
    prompt: str | None = None  # kind "generate"
    suffix: str | None = None  # kind "generate": the text after the gap that is to be filled in
    inputs: tuple[str | tuple[int, ...], ...] = ()  # kind "embed": texts, or token ids of this model
    dimensions: int | None = None  # kind "embed": absent: the model's own
    options: dict[str, Any] = Field(default_factory=dict)
    tools: tuple[dict[str, Any], ...] | None = None
    tool_choice: Literal["auto", "none", "required"] | None = None
    tool_name: str | None = None  # with "required": this one
    parallel_tool_calls: bool | None = None
    format: Literal["json"] | dict[str, Any] | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    effort: str | None = None
    keep_alive: str | int | float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    fallback: tuple[Target, ...] = ()
    affinity: str = ""
    door: str = ""
    echo: dict[str, Any] | None = None

    @property
    def keep_ms(self) -> int:
        """How long record and log live after the end, unless the caller of `accept` sets another time."""
        return BRIEF_MS if self.kind in ("embed", "count") else KEEP_MS

    @property
    def outline(self) -> bytes:
        """The part of the request that may stay once its job has ended: kind and model, and none of its texts."""
        return JobRequest(kind=self.kind, model=self.model).model_dump_json(exclude_none=True).encode()

    @property
    def plain(self) -> bool:
        """Text in, text out: the only kind of answer that another attempt may ever continue."""
        return (
            self.kind == "chat"
            and not self.tools
            and self.format is None
            and self.think in (None, False)
            and not self.logprobs
            and not self.options.keys() & {"grammar", "regex"}
        )


class JobRecord(NamedTuple):
    """A job as it lies in Redis. Times are pool milliseconds (see `wire.clock`)."""

    id: JobId
    state: JobState
    tenant: TenantId
    cls: str
    model: str
    attempt: int  # the fence: grows at every give, without bound
    tries: int  # charged attempts: those that started, and were lost or failed; at most `max_attempts`
    max_attempts: int
    owner: Incarnation  # the life that runs it, "" for none
    accepted: int
    due: int
    why: str  # the reason of its end, "" while live
    note: str  # what a running job waits for (`loading_model`), or why it came back to the queue
    end: str  # id of the terminal event, "" while live
    request: bytes  # JobRequest as JSON
    result: bytes  # {"text", "thinking", "tool_calls"} as JSON, empty until completed
    request_id: str
    timeline: tuple[tuple[int, str, str], ...]  # (pool ms, what, detail), in order
    route: Route = ""  # how the latest give chose its worker, "" while never given
    base: int = 0  # the attempt that it reached in the pool from which it came; 0: it came from none
    keep_ms: int = KEEP_MS  # how long record and log live after the end
    forgotten: bool = False  # its principal had request, result and log deleted
    principal: PrincipalId = LOCAL_PRINCIPAL  # the caller who submitted it
    outline: bytes = b""  # takes the request's place at the end; empty: the request stays

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES


def decode_record(job: JobId, fields: Mapping[bytes, bytes]) -> JobRecord | None:
    """The record of a job from its hash, in which missing fields read as empty. None for a hash that is no job's."""
    state = text(fields.get(b"state"))
    if state not in STATES:
        return None

    def word(name: bytes) -> str:
        return text(fields.get(name))

    def number(name: bytes) -> int:
        return max(0, whole(fields.get(name)))

    return JobRecord(
        id=JobId(job),
        state=cast(JobState, state),
        tenant=TenantId(word(b"tenant")),
        principal=PrincipalId(word(b"principal")) or LOCAL_PRINCIPAL,
        cls=word(b"class"),
        model=word(b"model"),
        attempt=number(b"attempt"),
        tries=number(b"tries"),
        max_attempts=number(b"max"),
        owner=Incarnation(word(b"owner")),
        accepted=number(b"accepted"),
        due=number(b"due"),
        why=word(b"why"),
        note=word(b"note"),
        end=_event_id(word(b"end")),
        request=fields.get(b"request", b""),
        result=fields.get(b"result", b""),
        request_id=word(b"request_id"),
        timeline=_timeline(fields),
        route=cast(Route, word(b"route")),
        base=number(b"base"),
        keep_ms=number(b"keep") or KEEP_MS,
        forgotten=bool(number(b"forgotten")),
        outline=fields.get(b"outline", b""),
    )


def _event_id(id: str) -> str:
    """The same text, "" for one that is no event's id."""
    try:
        return str(EventId.parse(id))
    except ValueError:
        return ""


def _timeline(fields: Mapping[bytes, bytes]) -> tuple[tuple[int, str, str], ...]:
    """`given:2` → `1700000000000 w7` becomes (1700000000000, "given:2", "w7"); ties keep the order of a job's life."""
    order = ("accepted", "given", "started", "returned", "ended")
    marks = [(max(0, whole(fields.get(b"accepted"))), "accepted", "")]
    for name, value in fields.items():
        if (what := text(name)).partition(":")[0] in order[1:]:
            at, _, detail = text(value).partition(" ")
            marks.append((max(0, whole(at)), what, detail))

    def by_time(mark: tuple[int, str, str]) -> tuple[int, int, int]:
        what, _, attempt = mark[1].partition(":")
        return mark[0], whole(attempt or ("0" if what == "accepted" else str(1 << 30))), order.index(what)

    return tuple(sorted(marks, key=by_time))
