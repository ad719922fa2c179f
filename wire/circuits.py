"""Circuit breakers: which engines keep failing with a model, for everything that might send them the next job.

    closed ──5 failures in a row──► open ──30 s──► half_open ──► closed: it answered (`mend`)
                                      ▲                └───────► open: it failed again (`trip`)

A pool keeps one circuit for each (engine, model) in trouble; a circuit that is not there is closed. Workers write it
when an engine fails, and when an engine answers that had failed, so a healthy engine costs nothing. The API reads it to
route jobs elsewhere.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast, get_args

from redis.asyncio import Redis

from wire.decoding import is_number, json_object, text
from wire.ids import JobId
from wire.keys import Keys
from wire.scripts import scripts

CircuitState = Literal["closed", "open", "half_open"]
STATES = get_args(CircuitState)


class Circuit(NamedTuple):
    """The circuit of one engine and model. `opened`: when it opened last, `probed`: when a job was last sent to try the
    engine; pool ms, 0: never."""

    engine: str
    model: str
    state: CircuitState
    failures: int  # in a row
    opened: int
    probed: int
    reason: str  # the latest failure's code


class Circuits:
    """The circuits of one pool."""

    def __init__(self, redis: Redis, keys: Keys, texts: dict[str, str] | None = None) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = {name: redis.register_script((texts or scripts())[name]) for name in ("trip", "mend", "probe")}

    async def _run(self, name: str, *args: str) -> object:
        return await self._scripts[name](keys=[self._keys.prefix], args=list(args))

    async def all(self) -> dict[str, Circuit]:
        """The circuits with failures, by `<engine>|<model>`."""
        fields = cast(dict[bytes, bytes], await self._redis.hgetall(self._keys.circuits))
        circuits = (_circuit(text(name), json_object(body)) for name, body in fields.items())
        return {circuit_name(c.engine, c.model): c for c in circuits if c is not None}

    async def trip(self, engine: str, model: str, reason: str, job: JobId | None = None) -> CircuitState:
        """Count one failure; returns the circuit's state now. Each call counts, so a lost reply is not repeated.

        `job`: the job whose own request may be to blame. It counts once, and few jobs of one tenant open no circuit.
        """
        answer = await self._run("trip", circuit_name(engine, model), reason, job or "")
        return cast(CircuitState, cast(bytes, answer).decode())

    async def mend(self, engine: str, model: str) -> bool:
        """The engine has answered: close the circuit. True where it had failed before."""
        return bool(await self._run("mend", circuit_name(engine, model)))

    async def probe(self, engine: str, model: str) -> bool:
        """True for one caller, once a circuit has been open for half a minute: that caller's next job may try."""
        return bool(await self._run("probe", circuit_name(engine, model)))


def circuit_name(engine: str, model: str) -> str:
    return f"{engine}|{model}"


def _circuit(name: str, body: dict[str, object]) -> Circuit | None:
    """None for a field that no script wrote."""
    engine, _, model = name.partition("|")
    state, reason = body.get("state"), body.get("reason")
    if state not in STATES or not isinstance(reason, str):
        return None
    failures, opened, probed = (_number(body.get(field)) for field in ("failures", "opened", "probed"))
    return Circuit(engine, model, cast(CircuitState, state), failures, opened, probed, reason)


def _number(value: object) -> int:
    return int(value) if is_number(value) else 0
