"""The job pipe: how a job is accepted, worked on and ended. One method a script; docs/protocol.md has the rules.

A script that is repeated with the same arguments gives its first answer until the job moves on, so a call whose reply
was lost is simply repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from typing import Literal, NamedTuple, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from wire.decoding import text
from wire.ids import LOCAL_PRINCIPAL, Incarnation, JobId, PrincipalId, TenantId
from wire.keys import Keys
from wire.log import EventLog
from wire.records import BRIEF_MS, PROTOCOL, JobClass, JobRecord, JobRequest, JobState, decode_record
from wire.scripts import scripts

Accepted = Literal["ok", "full depth", "full tenant", "full bytes", "stepped"]
FINISHED, NOT_YOURS, WRONG_SEQ = 1, 0, -1


class Bounds(NamedTuple):
    """The bounds of a new job. `depth`: how many jobs of the pool are not terminal; `per_tenant`: how many jobs of its
    tenant wait; `request_bytes`: of all requests that are not terminal, None: no bound."""

    depth: int
    per_tenant: int
    max_attempts: int
    timeout_ms: int
    request_bytes: int | None = None


class Begun(NamedTuple):
    """The answer to a `start`. Times are pool ms; `now`: of this call.

    `circuits`: how many engines of this pool are in trouble with a model; 0: a success has no circuit to close.
    """

    request: bytes
    request_id: str
    due: int
    tries: int
    max_attempts: int
    accepted: int
    now: int
    circuits: int = 0


class JobPipe:
    """The verbs of a job in one pool. It holds no state but its clients."""

    def __init__(self, redis: Redis, keys: Keys, texts: dict[str, str] | None = None) -> None:
        self.redis = redis
        self.keys = keys
        self._scripts: dict[str, AsyncScript] = {
            name: redis.register_script(text) for name, text in (texts or scripts()).items()
        }

    async def _run(self, name: str, *args: str | bytes | int) -> object:
        return await self._scripts[name](keys=[self.keys.prefix], args=list(args))

    async def accept(
        self,
        job: JobId,
        ask: JobRequest,
        bounds: Bounds,
        *,
        tenant: TenantId,
        principal: PrincipalId = LOCAL_PRINCIPAL,
        cls: JobClass = "interactive",
        at: int | None = None,
        request_id: str = "",
        keep_ms: int | None = None,
        base: int = 0,
        outline: bytes = b"",
    ) -> Accepted:
        """Accept a job, once: the same call with the same id answers `ok` again.

        `principal`: the caller who submits it. `at`: the caller's pool ms, None: unknown. `keep_ms`: how long record
        and log live after the end; None: as long as the kind of request is kept. `base`: the attempt that the job
        reached in the pool from which it comes; its attempts are counted on from there. `outline`: takes the request's
        place once the job has ended; b"": the request stays.
        """
        answer = await self._run(
            "accept",
            *(job, tenant, cls, bounds.timeout_ms, bounds.max_attempts, bounds.depth, bounds.per_tenant),
            *("" if at is None else at, ask.model, request_id),
            *(ask.model_dump_json(exclude_none=True).encode(), PROTOCOL),
            *(ask.keep_ms if keep_ms is None else keep_ms, base, affinity_key(tenant, ask)),
            *(outline, "" if bounds.request_bytes is None else bounds.request_bytes, principal),
        )
        return cast(Accepted, b" ".join(cast(list[bytes], answer)).decode())

    async def start(self, job: JobId, incarnation: Incarnation, attempt: int, body: bytes) -> Begun | None:
        """Log `started` as `<attempt>-0` and return the request; None: this attempt is not (any more) yours."""
        answer = cast(list[bytes], await self._run("start", job, incarnation, attempt, body))
        if not answer[0]:
            return None
        request, request_id, *numbers = answer[1:]
        return Begun(request, text(request_id), *(int(n) for n in numbers))

    async def note(self, job: JobId, incarnation: Incarnation, attempt: int, note: str, news: bytes) -> bool:
        """Show present and later readers what a running job waits for. `news`: a `queued` event. False: not yours."""
        keys = [self.keys.job(job), self.keys.live(job)]
        return bool(await self._scripts["note"](keys=keys, args=[incarnation, attempt, note, news]))

    async def finish(
        self,
        job: JobId,
        incarnation: Incarnation,
        attempt: int,
        seq: int,
        state: Literal["completed", "failed"],
        body: bytes,
        *,
        why: str = "",
        result: bytes = b"",
        dead: bool = False,
    ) -> int:
        """End the job with its terminal event at `<attempt>-<seq>`: FINISHED, NOT_YOURS or WRONG_SEQ."""
        return cast(int, await self._run("finish", job, incarnation, attempt, seq, state, body, why, result, int(dead)))

    async def give_back(
        self,
        job: JobId,
        incarnation: Incarnation,
        attempt: int,
        why: str,
        charged: tuple[str, str] | None = None,
        behind: bool = False,
    ) -> bool:
        """Return the job to the front of its class; the worker stops asking until it asks again.

        `charged` (code, message): the attempt failed, which costs a try and ends the job where none is left; the job
        goes behind all jobs that wait. `behind`: it goes behind them uncharged.
        """
        options = (int(bool(charged)), *(charged or ("", "")), int(behind))
        return bool(await self._run("give_back", job, incarnation, attempt, why, *options))

    async def cancel(self, job: JobId, why: str = "asked") -> JobState | None:
        """End a live job; returns its state now, None for an unknown job."""
        return cast(JobState, cast(bytes, await self._run("cancel", job, why)).decode()) or None

    async def forget(self, job: JobId) -> Literal["queued", "running", "forgotten"] | None:
        """Delete an ended job's request, result and log; a live job stays as it is. None for an unknown job."""
        state = cast(bytes, await self._run("forget", job)).decode()
        return cast(Literal["queued", "running", "forgotten"], state) or None

    async def keep_briefly(self, jobs: Sequence[JobId]) -> None:
        """Keep record and log of these ended jobs for a quarter of an hour from now on, at most."""
        trip = self.redis.pipeline(transaction=False)
        for job in jobs:
            trip.pexpire(self.keys.job(job), BRIEF_MS, lt=True)
            trip.pexpire(self.keys.events(job), BRIEF_MS, lt=True)
        if jobs:
            await trip.execute()

    async def admits(self) -> None:
        """Raises Redis's error exactly where Redis would refuse `accept`: it is away, full, or cannot write its
        file."""
        await self._run("admit")

    async def expire(self, at: int | None, limit: int = 100) -> int:
        """End the jobs whose deadline has passed; returns how many, or -1 where the pool's clock was stepped."""
        return cast(int, await self._run("expire", "" if at is None else at, limit))

    async def bury(self, stream: str, entry: str, job: str = "") -> None:
        """Write an entry that does not decode to the dead letters. `job`: the text that it has in place of an id."""
        await self._run("bury", stream, entry, job)

    async def places(self, jobs: Sequence[JobId]) -> list[object]:
        """The raw answer of the `places` script; `wire.places` reads it."""
        return cast(list[object], await self._run("places", *jobs))

    async def record(self, job: JobId) -> JobRecord | None:
        """The job's record; None where there is none (any more)."""
        return decode_record(job, cast(dict[bytes, bytes], await self.redis.hgetall(self.keys.job(job))))

    def log(self, job: JobId) -> EventLog:
        """The job's events in this pool."""
        return EventLog(self.redis, self.keys, job)

    async def now(self) -> int:
        """Pool milliseconds, for one round trip. Frequent callers keep a `wire.clock.Clock`."""
        raw, skew, _ = cast(list[int], await self._run("look"))
        return raw - skew

    async def depth(self) -> int:
        """How many jobs are not terminal, which is KEDA's number."""
        return int(await self.redis.xlen(self.keys.demand))


def affinity_key(tenant: TenantId, ask: JobRequest) -> str:
    """The short name of a conversation in this pool, "" for none. It depends on the model, because no model can use
    what another has cached of the conversation."""
    if not ask.affinity:
        return ""
    name = "\0".join((tenant, ask.model, ask.affinity))
    return sha1(name.encode(), usedforsecurity=False).hexdigest()[:16]
