"""What a worker reports of itself, as it writes it and as every reader checks it.

A reader trusts no report: another make of worker, a newer version or a neighbour may have written it. A field that is
missing, of another type or out of its range reads as not known; a field that this version does not know is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import orjson

from wire.decoding import is_number, json_object
from wire.events import counted

LONGEST_JOB_SECONDS = 604_800.0  # a week; a worker that reports a longer mean job is not believed
LONGEST_TEXT = 1_000  # characters of a text in a report
MODELS_MOST = 1000  # of one worker, and of those last seen in a pool: more is no list that anybody chooses from
NAME_MOST = 200  # characters of a model's name
INFO_BYTES = 4 * 1024 * 1024  # of a report; a thousand models take a tenth of it
Kinds = dict[str, Callable[[Any], bool]]


class Gpu(NamedTuple):
    """One GPU at one moment; None: its driver does not report that. Memory in MiB."""

    name: str
    memory_used_mb: int | None = None
    memory_total_mb: int | None = None
    utilization_percent: int | None = None
    temperature_c: int | None = None
    power_w: int | None = None


class WorkerInfo(NamedTuple):
    """The report of one worker: a JSON object in its hash.

    `models`: name → {loaded, context_length, capabilities}, and what the engine reports of the file. `job_seconds`: the
    mean time of its latest jobs, of which callers' ETA is made; 0: no job yet, or not known. `tokens`: how many its
    process has generated so far, of which two beats make a rate; None: not known. `gpus`: those of its machine; empty
    where it can read none. Every other field is empty where it is not known.
    """

    engine: str
    models: dict[str, dict[str, Any]]
    host: str = ""
    protocol: int = 1
    job_seconds: float = 0.0
    detail: str = ""
    tokens: int | None = None
    gpus: tuple[Gpu, ...] = ()

    @property
    def loaded(self) -> list[str]:
        """The models that are in memory now."""
        return [name for name, about in self.models.items() if about.get("loaded")]

    def encode(self) -> bytes:
        return orjson.dumps({**self._asdict(), "gpus": [gpu._asdict() for gpu in self.gpus]})

    @classmethod
    def decode(cls, body: bytes) -> WorkerInfo:
        """The report as it lies in Redis; nothing is known where it is too long or no JSON object."""
        return cls.of(json_object(body if len(body) <= INFO_BYTES else b""))

    @classmethod
    def of(cls, fields: dict[str, Any]) -> WorkerInfo:
        """The report of these fields; those that cannot be used are left out."""
        usable = {name: value for name, value in _usable(fields, INFO_KINDS).items() if name in INFO_KINDS}
        models, gpus = read_models(usable.pop("models", {})), read_gpus(usable.pop("gpus", []))
        return cls(usable.pop("engine", ""), models, gpus=gpus, **usable)


def read_models(models: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those models of a report that have a name, as many as anybody reads."""
    named = ((name, about) for name, about in models.items() if is_model_name(name) and isinstance(about, dict))
    return {name: _about(about) for name, about in islice(named, MODELS_MOST)}


def read_gpus(gpus: list[Any]) -> tuple[Gpu, ...]:
    """Those entries of a report that are objects. A number that is none reads as not reported."""
    return tuple(_gpu(fields) for fields in gpus if isinstance(fields, dict))


def _gpu(fields: dict[str, Any]) -> Gpu:
    name, *numbers = Gpu._fields
    counts = (fields.get(number) for number in numbers)
    return Gpu(_text(fields.get(name)), *(int(count) if is_number(count) else None for count in counts))


def is_model_name(value: object) -> bool:
    """Whether a value can be a model's name: a line of text that a person could read, and a caller write."""
    return isinstance(value, str) and 0 < len(value) <= NAME_MOST and value.isprintable()


def _about(fields: dict[str, Any]) -> dict[str, Any]:
    """One model's description. A field of a newer version stays as it is."""
    about = _usable(fields, ABOUT_KINDS)
    if "context_length" in about:
        about["context_length"] = counted(about["context_length"])
    if "capabilities" in about:
        about["capabilities"] = [word for word in about["capabilities"][:NAME_MOST] if _is_text(word)]
    return about


def _usable(fields: dict[str, Any], kinds: Kinds) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in kinds or kinds[name](value)}


def _text(value: Any) -> str:
    return value if _is_text(value) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and is_number(value)


# The type and range of each field: a value outside of it must fail no process that reads it.
INFO_KINDS: Kinds = {
    "engine": _is_text,
    "models": lambda value: isinstance(value, dict),
    "host": _is_text,
    "protocol": _is_count,
    "job_seconds": lambda value: is_number(value, LONGEST_JOB_SECONDS),
    "detail": _is_text,
    "tokens": _is_count,
    "gpus": lambda value: isinstance(value, list),
}
ABOUT_KINDS: Kinds = {
    "context_length": lambda value: isinstance(value, int),
    "capabilities": lambda value: isinstance(value, list),
    "size": _is_count,
    "size_vram": _is_count,
    "digest": _is_text,
    "details": lambda value: isinstance(value, dict),
    "expires_at": _is_text,
}
