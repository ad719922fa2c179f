"""What all attempts of one worker process share."""

from __future__ import annotations

from typing import NamedTuple

from ollama_worker.engines.base import Engine
from ollama_worker.shape import Meter, Shape
from wire.circuits import Circuits
from wire.jobs import JobPipe
from wire.writer import EventWriter


class Backoff(NamedTuple):
    """Waiting times between tries of one engine call, before its first token. Seconds."""

    retries: int
    exponential: bool = True
    first: float = 0.5
    longest: float = 10.0

    def delay(self, tried: int) -> float:
        return min(self.longest, self.first * (2**tried if self.exponential else 1))


class Kit(NamedTuple):
    """The clients, the engine and the counters of an attempt. A worker process makes one kit, and all its lives use
    it."""

    jobs: JobPipe
    writer: EventWriter
    circuits: Circuits
    engine: Engine
    backoff: Backoff
    meter: Meter  # counts the tokens of all attempts
    shape: Shape  # learns how long jobs take, and that the engine has failed

    @property
    def pool(self) -> str:
        return self.jobs.keys.pool
