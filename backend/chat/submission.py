"""What travels while a job is let in: the submission, and what it becomes before its job is accepted."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from backend.accounts.caller import Caller
from backend.chat.disconnect import OnDisconnect
from backend.chat.turn import Turn
from backend.errors import ApiError
from backend.pool.pools import Found, Pool
from backend.routing.route import Route
from wire.ids import JobId, TenantId
from wire.jobs import Bounds
from wire.records import JobClass, JobRequest

CLOSED = Bounds(depth=0, per_tenant=0, max_attempts=1, timeout_ms=0)  # nothing is accepted


class Submission(NamedTuple):
    """One ask of one caller, with everything that the headers of its request say.

    `body`: hash of the request as it was sent, which an idempotency key is bound to. `part`: which of a request's jobs
    it is, "" where there is only one; each part has the key for itself.

    `job`: the id that the caller has made for the job, None: the service makes one. With an idempotency key it is the
    id of a job that is new: a key that names an earlier job joins that job, and the ticket has the id.

    `turn`: where the question and its answer belong in a thread, None: in no thread. `deadline`: seconds from accept to
    end, None: the setting's. `conversation`: the caller's name for it, "" for none. `overflow`: the job may
    go elsewhere rather than wait, where the operator's rules allow that. `reuse`: an answer that the same request got
    before will do. `trimmed`: the prompt was cut to what its model can read, as far as that is known. `keeps_ask`:
    the ask stays in the record after the job's end, because its door reads it again.

    `bounds`: what the queue holds the job against; a gate writes them.
    """

    ask: JobRequest
    caller: Caller
    on_disconnect: OnDisconnect
    cls: JobClass = "interactive"
    idempotency_key: str | None = None
    body: str = ""
    part: str = ""
    job: JobId | None = None
    turn: Turn | None = None
    deadline: float | None = None
    conversation: str = ""
    overflow: bool = False
    reuse: bool = False
    trimmed: bool = False
    keeps_ask: bool = False
    bounds: Bounds = CLOSED

    @property
    def named(self) -> bool:
        """Whether it names its job, so that an earlier request may have submitted the same job."""
        return self.idempotency_key is not None or self.job is not None


class Ready(NamedTuple):
    """A submission whose job can be accepted: `job` is its id, `pool` is where it is accepted and its log begins.

    `fresh`: no other request can have made this job; else other requests may have, and may follow it. `joins`: the job
    as it is, where an earlier request has it accepted; None: no request has yet. `answer`: the key of its answer in the
    cache, "" where its caller wants none from there.
    """

    submission: Submission
    route: Route
    job: JobId
    pool: Pool
    fresh: bool
    joins: Found | None = None
    answer: str = ""


class Turns(Protocol):
    """The keeper of the history, as far as letting in needs it."""

    async def begin(self, turn: Turn, tenant: TenantId, job: JobId, model: str) -> None:
        """Write the user's message, and that an answer is awaited from `job`. Repeatable. Raises ApiError."""
        ...

    async def refused(self, turn: Turn, job: JobId, error: ApiError) -> None:
        """Write that the job was not accepted."""
        ...
