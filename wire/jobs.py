"""The job pipe: how a job gets in, is worked on, and ends. One method a script; docs/protocol.md tells the rules.

Repeated with the same token a script gives its first answer until the job moves on: a lost reply is just asked again.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Literal, NamedTuple, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from wire.keys import Keys
from wire.records import KEEP_MS, PROTOCOL, JobClass, JobRecord, JobRequest, JobState, Route
from wire.scripts import scripts

Accepted = Literal["ok", "full depth", "full tenant", "stepped"]
FINISHED, NOT_YOURS, WRONG_SEQ = 1, 0, -1


class Bounds(NamedTuple):
    """What `accept` holds a new job against. `depth`: jobs of the pool that are not terminal."""

    depth: int
    per_tenant: int
    max_attempts: int
    timeout_ms: int


class Begun(NamedTuple):
    """What a worker learns as it starts an attempt. Times are pool ms; `now` is this call's.

    `circuits`: how many engines of this pool are in trouble with a model; 0: a success mends nothing.
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
    """The verbs of a job in one pool. Holds no state but its clients."""

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
        job: str,
        request: JobRequest,
        bounds: Bounds,
        *,
        tenant: str,
        cls: JobClass = "interactive",
        at: int | None = None,
        request_id: str = "",
        keep_ms: int | None = None,
        base: int = 0,
    ) -> Accepted:
        """Let a job in, once: repeated with the same id it is `ok` again. `at`: the caller's pool ms, None unknown.

        `keep_ms`: how long record and log live after the end; None: as long as its kind is kept. `base`: the attempt
        that it had reached in the pool which it comes from; its attempts are counted on from there.
        """
        answer = await self._run(
            "accept",
            *(job, tenant, cls, bounds.timeout_ms, bounds.max_attempts, bounds.depth, bounds.per_tenant),
            *("" if at is None else at, request.model, request_id),
            *(request.model_dump_json(exclude_none=True).encode(), PROTOCOL),
            *(request.keep_ms if keep_ms is None else keep_ms, base, affinity_key(tenant, request)),
        )
        return cast(Accepted, b" ".join(cast(list[bytes], answer)).decode())

    async def start(self, job: str, incarnation: str, attempt: int, body: bytes) -> Begun | None:
        """Log `started` as `<attempt>-0` and fetch what is asked; None: this attempt is not (any more) yours."""
        answer = cast(list[bytes], await self._run("start", job, incarnation, attempt, body))
        if not answer[0]:
            return None
        request, request_id, *numbers = answer[1:]
        return Begun(request, request_id.decode(), *(int(n) for n in numbers))

    async def note(self, job: str, incarnation: str, attempt: int, note: str, news: bytes) -> bool:
        """Tell readers, now and later, what a running job waits for; `news` is a `queued` event. False: not yours."""
        keys = [self.keys.job(job), self.keys.live(job)]
        return bool(await self._scripts["note"](keys=keys, args=[incarnation, attempt, note, news]))

    async def finish(
        self,
        job: str,
        incarnation: str,
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
        job: str,
        incarnation: str,
        attempt: int,
        why: str,
        charged: tuple[str, str] | None = None,
        behind: bool = False,
    ) -> bool:
        """Return the job to the front of its class; the worker stops asking until it asks again.

        `charged` (code, message): the attempt failed, which costs a try, and ends the job when none is left; it goes
        behind all that wait. `behind`: it does so uncharged.
        """
        words = (int(bool(charged)), *(charged or ("", "")), int(behind))
        return bool(await self._run("give_back", job, incarnation, attempt, why, *words))

    async def cancel(self, job: str, why: str = "asked") -> JobState | None:
        """End a live job; returns the state it is in now, None for an unknown job."""
        return cast(JobState, cast(bytes, await self._run("cancel", job, why)).decode()) or None

    async def forget(self, job: str) -> Literal["queued", "running", "forgotten"] | None:
        """Wipe an ended job's request, result and log; one that lives is left alone. None for an unknown job."""
        state = cast(bytes, await self._run("forget", job)).decode()
        return cast(Literal["queued", "running", "forgotten"], state) or None

    async def expire(self, at: int | None, limit: int = 100) -> int:
        """End the jobs whose deadline has passed; how many, or -1 when the pool's clock was stepped."""
        return cast(int, await self._run("expire", "" if at is None else at, limit))

    async def bury(self, stream: str, entry: str, job: str = "") -> None:
        """Write an entry that does not decode to the dead letters."""
        await self._run("bury", stream, entry, job)

    async def places(self, jobs: list[str]) -> list[object]:
        """Raw answer of the `places` script; `wire.places` reads it."""
        return cast(list[object], await self._run("places", *jobs))

    async def record(self, job: str) -> JobRecord | None:
        """The job's record, None when there is none (any more)."""
        fields = cast(dict[bytes, bytes], await self.redis.hgetall(self.keys.job(job)))
        if not fields.get(b"state"):
            return None
        return decode_record(job, {name.decode(): value for name, value in fields.items()})

    async def now(self) -> int:
        """Pool milliseconds, for one round trip; who asks often keeps a `wire.clock.Clock`."""
        raw, skew, _ = cast(list[int], await self._run("look"))
        return raw - skew

    async def depth(self) -> int:
        """How many jobs are not terminal: KEDA's number."""
        return int(await self.redis.xlen(self.keys.demand))


def decode_record(job: str, h: dict[str, bytes]) -> JobRecord:
    """A job's hash as it lies in Redis; fields that are missing are empty."""

    def text(name: str) -> str:
        return h.get(name, b"").decode()

    def number(name: str) -> int:
        return int(h.get(name, b"0") or 0)

    return JobRecord(
        id=job,
        state=cast(JobState, text("state")),
        tenant=text("tenant"),
        cls=text("class"),
        model=text("model"),
        attempt=number("attempt"),
        tries=number("tries"),
        max_attempts=number("max"),
        owner=text("owner"),
        accepted=number("accepted"),
        due=number("due"),
        why=text("why"),
        note=text("note"),
        end=text("end"),
        request=h.get("request", b""),
        result=h.get("result", b""),
        request_id=text("request_id"),
        timeline=_timeline(h),
        route=cast(Route, text("route")),
        base=number("base"),
        keep_ms=number("keep") or KEEP_MS,
        forgotten=bool(number("forgotten")),
    )


def affinity_key(tenant: str, request: JobRequest) -> str:
    """A conversation's short name in this pool, "" for none: what one model holds of it serves no other's cache."""
    if not request.affinity:
        return ""
    whole = "\0".join((tenant, request.model, request.affinity))
    return sha1(whole.encode(), usedforsecurity=False).hexdigest()[:16]


def _timeline(h: dict[str, bytes]) -> tuple[tuple[int, str, str], ...]:
    """`given:2` → `1700000000000 w7` becomes (1700000000000, "given:2", "w7"); ties keep the order of a job's life."""
    order = ("accepted", "given", "started", "returned", "ended")
    marks = [(int(h.get("accepted", b"0")), "accepted", "")]
    for name, value in h.items():
        if name.partition(":")[0] in order[1:]:
            at, _, detail = value.decode().partition(" ")
            marks.append((int(at), name, detail))

    def by_time(mark: tuple[int, str, str]) -> tuple[int, int, int]:
        what, _, attempt = mark[1].partition(":")
        return mark[0], int(attempt or (0 if what == "accepted" else 1 << 30)), order.index(what)

    return tuple(sorted(marks, key=by_time))
