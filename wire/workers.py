"""The registry of worker lives. A lease belongs to a life (an incarnation), never to a job.

A worker beats every two seconds. Watchers measure beats with their own monotonic clocks, and a life whose beat stands
still for the time of five beats, in which Redis answered, is reaped: its jobs go back to the front of the queue.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any, NamedTuple, cast

import orjson
from redis.asyncio import Redis

from wire.decoding import json_object, text, whole, whole_or_none
from wire.ids import Incarnation, JobId
from wire.keys import Keys
from wire.scripts import scripts
from wire.worker_info import MODELS_MOST, WorkerInfo, read_models

BEAT_SECONDS = 2.0
REAP_SECONDS = 10.0  # five missed beats


class WorkerRecord(NamedTuple):
    """A living worker as the API sees it. `seen`: pool ms of its latest beat or `ask`, `since`: of its start."""

    incarnation: Incarnation
    beat: int
    slots: int
    owned: int
    asking: bool
    seen: int
    since: int
    info: WorkerInfo


class Beat(NamedTuple):
    """The answer to a beat. `alive` False: this life was reaped, and each of its writes is refused from now on."""

    alive: bool
    number: int
    owned: frozenset[JobId]


def new_incarnation(name: str) -> Incarnation:
    """The id of a new life: `<name>-<8 random hex digits>`."""
    return Incarnation(f"{name}-{secrets.token_hex(4)}")


class WorkerRegistry:
    """The verbs of a worker's life in one pool."""

    def __init__(self, redis: Redis, keys: Keys, texts: dict[str, str] | None = None) -> None:
        self.redis = redis
        self.keys = keys
        names = ("register", "ask", "beat", "reap")
        self._scripts = {name: redis.register_script((texts or scripts())[name]) for name in names}

    async def _run(self, name: str, *args: str | bytes | int) -> object:
        return await self._scripts[name](keys=[self.keys.prefix], args=list(args))

    async def register(self, incarnation: Incarnation, slots: int, info: WorkerInfo) -> int:
        """Begin a life; returns its beat, which is 1."""
        words = (orjson.dumps(info.loaded), *_catalogue(info))
        return cast(int, await self._run("register", incarnation, slots, info.encode(), *words))

    async def ask(self, incarnation: Incarnation, wants: bool) -> bool:
        """Take jobs from now on, or none. False: this life is over."""
        return bool(await self._run("ask", incarnation, int(wants)))

    async def beat(
        self,
        incarnation: Incarnation,
        inbox_from: str = "",
        info: WorkerInfo | None = None,
        models: bool = True,
        loaded: Collection[str] | None = None,
    ) -> Beat:
        """Show that this life goes on, and drop the inbox's entries before the id `inbox_from`.

        `models` False: the pool knows the models of `info` already, which change less often than the rest. `loaded`:
        all models that are in memory now, after a look; None: the worker has not looked.
        """
        known = _catalogue(info) if info and models else ()
        news = (info.encode() if info else "", "" if loaded is None else orjson.dumps(sorted(loaded)), *known)
        number, *owned = cast(list[Any], await self._run("beat", incarnation, inbox_from, *news))
        return Beat(bool(number), number, frozenset(JobId(text(job)) for job in owned))

    async def reap(self, incarnation: Incarnation, beat: int) -> bool:
        """End a life whose beat is still `beat`; its jobs go back to the queue. False: it has beaten since then."""
        return bool(await self._run("reap", incarnation, beat))

    async def beats(self) -> dict[Incarnation, int]:
        """The living: incarnation → beat count."""
        return read_beats(await self.lives())

    async def lives(self) -> dict[bytes, bytes]:
        """The same hash as it lies in Redis, with entries that no script wrote."""
        return await _hash(self.redis, self.keys.beats)

    async def end_strange(self, lives: dict[bytes, bytes]) -> int:
        """End the lives that no script began (an id that is no UTF-8, a beat that is no number); returns how many."""
        strange = {w: n for w, n in lives.items() if not read_beats({w: n})}
        for w, n in strange.items():
            await self._run("reap", w, n)
        return len(strange)

    async def inbox(self, incarnation: Incarnation, after: str, block_ms: int) -> list[tuple[str, dict[bytes, bytes]]]:
        """The entries after the id `after`; waits up to `block_ms` for the first. The client's timeout must be
        longer."""
        answer: Any = await self.redis.xread({self.keys.inbox(incarnation): after}, block=block_ms, count=64)
        return [(text(entry), fields) for _, entries in answer or () for entry, fields in entries]

    async def all(self) -> list[WorkerRecord]:
        """Every living worker, in the order of their incarnations."""
        beats = await self.beats()
        pipe = self.redis.pipeline(transaction=False)
        for w in sorted(beats):
            pipe.hgetall(self.keys.worker(w))
            pipe.scard(f"{self.keys.prefix}:owned:{w}")
        answers = await pipe.execute(raise_on_error=False)  # a key of another type counts as missing
        return [
            _worker(w, beats[w], fields, owned if isinstance(owned, int) else 0)
            for w, fields, owned in zip(sorted(beats), answers[::2], answers[1::2], strict=True)
            if isinstance(fields, dict) and fields
        ]

    async def models(self) -> dict[str, dict[str, Any]]:
        """The models last seen in this pool, also of workers that are gone: name → description. Of too many the
        latest."""
        if await self.redis.hlen(self.keys.models) <= MODELS_MOST:
            models = await _hash(self.redis, self.keys.models)
        else:
            names = cast(list[bytes], await self.redis.zrange(self.keys.seen, 0, MODELS_MOST - 1, desc=True))
            about = cast(list[bytes | None], await self.redis.hmget(self.keys.models, names)) if names else []
            models = {name: body or b"" for name, body in zip(names, about, strict=True)}
        return read_models({text(name): json_object(info) for name, info in models.items()})


async def _hash(redis: Redis, key: str) -> dict[bytes, bytes]:
    return cast(dict[bytes, bytes], await redis.hgetall(key))


def _catalogue(info: WorkerInfo) -> list[str | bytes]:
    return [part for name, about in info.models.items() for part in (name, orjson.dumps(about))]


def read_beats(beats: dict[bytes, bytes]) -> dict[Incarnation, int]:
    """The entries of `beats` that a script wrote."""
    counts = {Incarnation(text(w)): whole_or_none(n) for w, n in beats.items() if text(w).encode() == w}
    return {w: count for w, count in counts.items() if count is not None and count > 0}


def _worker(incarnation: Incarnation, beat: int, h: dict[bytes, bytes], owned: int) -> WorkerRecord:
    return WorkerRecord(
        incarnation=incarnation,
        beat=beat,
        slots=max(0, whole(h.get(b"slots"))),
        owned=owned,
        asking=h.get(b"asking") == b"1",
        seen=whole(h.get(b"seen")),
        since=max(0, whole(h.get(b"since"))),
        info=WorkerInfo.decode(h.get(b"info", b"")),
    )
