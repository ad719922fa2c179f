"""The registry of worker lives. A lease belongs to a life (an incarnation), never to a job.

A worker beats every two seconds; watchers count beats with their own monotonic clock, and a life whose beat stands
still for five beats of a Redis that answered is reaped: its jobs go back to the front of the queue.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from itertools import islice
from typing import Any, NamedTuple, cast

import orjson
from redis.asyncio import Redis

from wire.events import counted
from wire.keys import Keys
from wire.records import Order
from wire.scripts import scripts

BEAT_SECONDS = 2.0
REAP_SECONDS = 10.0  # five missed beats
MODELS_MOST = 1000  # of one worker, and of those last seen in a pool: more is no list that anybody chooses from
NAME_MOST = 200  # characters of a model's name
INFO_BYTES = 4 * 1024 * 1024  # of what a worker says of itself; a thousand models take a tenth of it
# What a worker may say, and as what: another make of it, or a newer one, takes nobody down who reads it.
Kinds = dict[str, type | tuple[type, ...]]
INFO_KINDS: Kinds = {
    "engine": str,
    "models": dict,
    "host": str,
    "protocol": int,
    "job_seconds": (int, float),
    "detail": str,
    "tokens": int,
    "gpus": list,
}
ABOUT_KINDS: Kinds = {"context_length": int, "capabilities": list}


class Gpu(NamedTuple):
    """One GPU at one moment; None: its driver does not tell. Memory in MiB."""

    name: str
    memory_used_mb: int | None = None
    memory_total_mb: int | None = None
    utilization_percent: int | None = None
    temperature_c: int | None = None
    power_w: int | None = None


class WorkerInfo(NamedTuple):
    """What a worker says of itself, as JSON in its hash. `models`: name → {loaded, context_length, capabilities}.

    `job_seconds`: mean time of its latest jobs, 0 before the first; callers' ETA is made of it. `tokens`: how many its
    process has generated so far; two beats' make a rate. `gpus`: its machine's, empty where it can read none. Absent,
    in what an older worker says: not known.
    """

    engine: str
    models: dict[str, dict[str, Any]]
    host: str = ""
    protocol: int = 1
    job_seconds: float = 0.0
    detail: str = ""
    tokens: int = 0
    gpus: tuple[Gpu, ...] = ()

    def encode(self) -> bytes:
        return orjson.dumps({**self._asdict(), "gpus": [gpu._asdict() for gpu in self.gpus]})


class WorkerRecord(NamedTuple):
    """A living worker as the API sees it. `seen` and `since` are pool ms."""

    incarnation: str
    beat: int
    slots: int
    owned: int
    asking: bool
    seen: int
    since: int
    info: dict[str, Any]


class Beat(NamedTuple):
    """Answer to a beat. `alive` False: this life was reaped, every write of it is refused from now on."""

    alive: bool
    number: int
    owned: frozenset[str]


def new_incarnation(name: str) -> str:
    """A name no earlier life had: `<name>-<8 random hex digits>`."""
    return f"{name}-{secrets.token_hex(4)}"


class WorkerRegistry:
    """The verbs of a worker's life in one pool."""

    def __init__(self, redis: Redis, keys: Keys, texts: dict[str, str] | None = None) -> None:
        self.redis = redis
        self.keys = keys
        names = ("register", "ask", "beat", "reap")
        self._scripts = {name: redis.register_script((texts or scripts())[name]) for name in names}

    async def _run(self, name: str, *args: str | bytes | int) -> object:
        return await self._scripts[name](keys=[self.keys.prefix], args=list(args))

    async def register(self, incarnation: str, slots: int, info: WorkerInfo) -> int:
        """Begin a life; returns its beat (1)."""
        words = (orjson.dumps(loaded_of(info)), *_catalogue(info))
        return cast(int, await self._run("register", incarnation, slots, info.encode(), *words))

    async def ask(self, incarnation: str, wants: bool) -> bool:
        """Say whether this worker takes jobs; False: this life is over."""
        return bool(await self._run("ask", incarnation, int(wants)))

    async def beat(
        self,
        incarnation: str,
        inbox_from: str = "",
        info: WorkerInfo | None = None,
        models: bool = True,
        loaded: Collection[str] | None = None,
    ) -> Beat:
        """Show that this life goes on, and drop the inbox's entries before id `inbox_from`.

        `models` False: those of `info` are known to the pool already; they change less often than the rest. `loaded`:
        all models that are in memory now, after a look; None: what the pool believes stands.
        """
        known = _catalogue(info) if info and models else ()
        news = (info.encode() if info else "", "" if loaded is None else orjson.dumps(sorted(loaded)), *known)
        number, *owned = cast(list[Any], await self._run("beat", incarnation, inbox_from, *news))
        return Beat(bool(number), number, frozenset(job.decode() for job in owned))

    async def reap(self, incarnation: str, beat: int) -> bool:
        """End a life whose beat is still `beat`; its jobs return to the queue. False: it has beaten since."""
        return bool(await self._run("reap", incarnation, beat))

    async def beats(self) -> dict[str, int]:
        """Who is alive: incarnation → beat count."""
        beats: dict[bytes, bytes] = await _hash(self.redis, self.keys.beats)
        return {w.decode(): int(n) for w, n in beats.items()}

    async def inbox(self, incarnation: str, after: str, block_ms: int) -> list[tuple[str, dict[bytes, bytes]]]:
        """Entries behind id `after`, waiting up to `block_ms` for the first. The client's timeout must be longer."""
        answer: Any = await self.redis.xread({self.keys.inbox(incarnation): after}, block=block_ms, count=64)
        return [(entry.decode(), fields) for _, entries in answer or () for entry, fields in entries]

    async def all(self) -> list[WorkerRecord]:
        """Every living worker, in the order of their names."""
        beats = await self.beats()
        pipe = self.redis.pipeline(transaction=False)
        for w in sorted(beats):
            pipe.hgetall(self.keys.worker(w))
            pipe.scard(f"{self.keys.prefix}:owned:{w}")
        answers = await pipe.execute()
        return [
            _worker(w, beats[w], fields, owned)
            for w, fields, owned in zip(sorted(beats), answers[::2], answers[1::2], strict=True)
            if fields
        ]

    async def models(self) -> dict[str, dict[str, Any]]:
        """Models last seen in this pool, also of workers that are gone: name → info. Of too many the latest."""
        if await self.redis.hlen(self.keys.models) <= MODELS_MOST:
            models = await _hash(self.redis, self.keys.models)
        else:
            names = cast(list[bytes], await self.redis.zrange(self.keys.seen, 0, MODELS_MOST - 1, desc=True))
            told = cast(list[bytes | None], await self.redis.hmget(self.keys.models, names)) if names else []
            models = {name: info or b"" for name, info in zip(names, told, strict=True)}
        return _models({name.decode(errors="replace"): _object(info) for name, info in models.items()})


def is_name(told: object) -> bool:
    """Whether that can be a model's name: a line of text that a person could read, and a caller write."""
    return isinstance(told, str) and 0 < len(told) <= NAME_MOST and told.isprintable()


def loaded_of(info: WorkerInfo) -> list[str]:
    """The models that are in memory now."""
    return [name for name, about in info.models.items() if about.get("loaded")]


def decode_order(entry: str, fields: dict[bytes, bytes]) -> Order:
    """Raises ValueError for an entry that no script wrote; unknown commands are returned, for the worker to skip."""
    try:
        do, model = fields[b"do"].decode(), fields.get(b"model", b"").decode()
        if do in ("run", "cancel"):
            job, attempt = fields[b"job"].decode(), int(fields[b"attempt"])
            return Order(entry, do, job, attempt, model)
        return Order(entry, do, model=model)
    except (KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"undecodable inbox entry {entry}") from error


async def _hash(redis: Redis, key: str) -> dict[bytes, bytes]:
    return cast(dict[bytes, bytes], await redis.hgetall(key))


def _catalogue(info: WorkerInfo) -> list[str | bytes]:
    return [part for name, about in info.models.items() for part in (name, orjson.dumps(about))]


def _worker(incarnation: str, beat: int, h: dict[bytes, bytes], owned: int) -> WorkerRecord:
    return WorkerRecord(
        incarnation=incarnation,
        beat=beat,
        slots=int(h.get(b"slots", b"0")),
        owned=owned,
        asking=h.get(b"asking") == b"1",
        seen=int(h.get(b"seen", b"0")),
        since=int(h.get(b"since", b"0")),
        info=_info(h.get(b"info", b"")),
    )


def _info(told: bytes) -> dict[str, Any]:
    """As a worker told it; what is of another type than `WorkerInfo` has is left out, as if it had not been told."""
    info = _usable(_object(told if len(told) <= INFO_BYTES else b""), INFO_KINDS)
    return {**info, "models": _models(info["models"])} if "models" in info else info


def _models(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that have a name, and no more of them than anybody reads: a worker's word is a neighbour's."""
    named = ((name, about) for name, about in told.items() if is_name(name) and isinstance(about, dict))
    return {name: _about(about) for name, about in islice(named, MODELS_MOST)}


def _about(told: dict[str, Any]) -> dict[str, Any]:
    about = _usable(told, ABOUT_KINDS)
    if "context_length" in about:
        about["context_length"] = counted(about["context_length"])
    if "capabilities" in about:
        about["capabilities"] = [word for word in about["capabilities"][:NAME_MOST] if isinstance(word, str)]
    return about


def _usable(told: dict[str, Any], kinds: Kinds) -> dict[str, Any]:
    return {name: value for name, value in told.items() if isinstance(value, kinds.get(name, object))}


def _object(told: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(told or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
