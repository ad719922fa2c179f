"""What every dialect has in common: a request becomes a job, and a job's events become bytes.

    read      the request as a job; raises Invalid before anything is enqueued
    stream    the translator of one stream of events
    whole     the answer for a caller who waits for all of it

`serving.serve` does the rest, the same for all of them: body, admission, relay, leaving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from backend.bounds import RequestBounds
from backend.chat.choices import ChoiceDialect
from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.relay import Dialect
from backend.chat.turn import Turn
from wire.records import JobRequest


class Incoming(NamedTuple):
    """A request as a door reads it. `fields`: its body, a JSON object. `path`, `query`, `headers`: for protocols
    in which a model's name or the wish for a stream stands there. `bounds`: how large the request may be.
    """

    fields: dict[str, Any]
    bounds: RequestBounds
    path: str = ""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}


class Parsed(NamedTuple):
    """A request that its door has read. `ask.model` is the caller's name for the model, "" the default; the router
    looks up what the name means.

    `extra`: what the door's own answer needs to know of the request, in a shape that only the door knows. `reuse`: an
    answer from the cache will do, None: the request's header decides. `others`: further jobs of the same answer, each
    of which makes one more choice. `turn`: where question and answer belong in a thread; None: no thread keeps them.
    """

    ask: JobRequest
    stream: bool
    extra: Any = None
    reuse: bool | None = None
    others: tuple[JobRequest, ...] = ()
    turn: Turn | None = None

    @property
    def asks(self) -> tuple[JobRequest, ...]:
        """In the order of the answer's choices."""
        return (self.ask, *self.others)


class Door(Protocol):
    """One route of a dialect. Holds no state: one instance serves all requests."""

    name: str  # "openai.chat": stands in the job's record, its view, and logs

    def read(self, incoming: Incoming) -> Parsed:
        """Raises Invalid."""
        ...

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect: ...

    def whole(self, parsed: Parsed, ticket: Ticket, outcome: Outcome) -> dict[str, Any]: ...


class ChoiceDoor(Door, Protocol):
    """A door whose answers may have several choices."""

    def choice(self, parsed: Parsed, tickets: Sequence[Ticket], place: int) -> ChoiceDialect:
        """The translator of one of them."""
        ...

    def all_choices(self, parsed: Parsed, tickets: Sequence[Ticket], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """The answer for a caller who waits for all of it."""
        ...


class AnswersWhole:
    """A part of doors whose requests never ask for a stream: `stream` is False in everything that they parse."""

    def stream(self, parsed: Parsed, ticket: Ticket) -> Dialect:
        raise NotImplementedError("this route answers whole")
