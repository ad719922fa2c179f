"""What a caller wants done, and what letting it in needs of the history."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from backend.accounts.caller import Principal
from backend.chat.disconnect import OnDisconnect
from backend.chat.turn import Turn
from backend.errors import ApiError
from wire.ids import JobId, TenantId
from wire.records import JobClass, JobRequest


class Submission(NamedTuple):
    """One wish of one caller. `body`: hash of the request as it was sent, which an idempotency key is bound to.

    `turn`: where the question and its answer belong in a thread; None: nobody keeps this chat. `job`: the id that the
    caller has made for it, None: the service makes one. With an idempotency key it is the id of a job that is new: a
    key that names an earlier job joins that one, and the ticket says which. `deadline`: seconds from accept to end,
    None: the setting's.

    `part`: which of a request's jobs it is, "" where there is but one; each has the key for itself.

    `conversation`: the caller's name for it, "" for none. `overflow`: it may go elsewhere rather than wait, where the
    operator's rules say so. `trimmed`: the prompt was cut to what its model can read, as far as that is known. `reuse`:
    an answer that the same request was given before will do.
    """

    request: JobRequest
    principal: Principal
    on_disconnect: OnDisconnect
    cls: JobClass = "interactive"
    idempotency_key: str | None = None
    body: str = ""
    turn: Turn | None = None
    job: JobId | None = None
    deadline: float | None = None
    conversation: str = ""
    overflow: bool = False
    reuse: bool = False
    trimmed: bool = False
    part: str = ""


class Turns(Protocol):
    """Who keeps the history, as far as letting in needs to know."""

    async def begin(self, turn: Turn, tenant: TenantId, job: JobId, model: str) -> None:
        """Write the user's words, and that an answer is awaited from `job`. Repeatable. Raises ApiError."""
        ...

    async def refused(self, turn: Turn, job: JobId, error: ApiError) -> None:
        """The job was not let in."""
        ...
