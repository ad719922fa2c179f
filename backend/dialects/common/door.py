"""What every dialect has in common: a request becomes a job, and a job's events become bytes.

    read      the request's body as a job; raises Invalid before anything is enqueued
    stream    the translator of one stream of events
    whole     the answer for a caller who waits for all of it

`serving.serve` does the rest, the same for all of them: body, admission, relay, leaving.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from backend.chat.choices import ChoiceDialect
from backend.chat.outcome import Outcome
from backend.chat.party import Ticket
from backend.chat.relay import Dialect
from backend.chat.turn import Turn
from wire.records import JobRequest


class Asked(NamedTuple):
    """One request, understood. `job.model` is the caller's word for it, "" the default; the router finds what is meant.

    `extra`: what the door's own answer needs to know of the request, in a shape that only it knows. `reuse`: an answer
    from the cache will do, None: the request's header says whether. `others`: further jobs of the same answer, each of
    which makes one more choice of it. `turn`: where question and answer belong in a thread; None: nobody keeps them.
    """

    job: JobRequest
    stream: bool
    extra: Any = None
    reuse: bool | None = None
    others: tuple[JobRequest, ...] = ()
    turn: Turn | None = None

    @property
    def jobs(self) -> tuple[JobRequest, ...]:
        """In the order of the answer's choices."""
        return (self.job, *self.others)


class Door(Protocol):
    """One route of a dialect. Holds no state: one instance serves all requests."""

    name: str  # "openai.chat": in the job's record, its view, and logs

    def read(self, body: dict[str, Any], max_messages: int) -> Asked:
        """Raises Invalid."""
        ...

    def stream(self, asked: Asked, ticket: Ticket) -> Dialect: ...

    def whole(self, asked: Asked, ticket: Ticket, outcome: Outcome) -> dict[str, Any]: ...


class ChoiceDoor(Door, Protocol):
    """A door whose answers may have several choices."""

    def choice(self, asked: Asked, tickets: Sequence[Ticket], place: int) -> ChoiceDialect:
        """The translator of one of them."""
        ...

    def all_choices(self, asked: Asked, tickets: Sequence[Ticket], outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """The answer for a caller who waits for all of it."""
        ...


class AnswersWhole:
    """For a door whose requests never ask for a stream: its `read` says so in every `Asked`."""

    def stream(self, asked: Asked, ticket: Ticket) -> Dialect:
        raise NotImplementedError("this route answers whole")
