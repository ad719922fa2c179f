"""What the attempts of one process share."""

from __future__ import annotations

from typing import NamedTuple

from ollama_worker.engines.base import Engine
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


class Meter:
    """Counts what this process generates, whatever becomes of it. One addition a burst."""

    def __init__(self) -> None:
        self.tokens = 0


class Tools(NamedTuple):
    """What an attempt works with; born once a process."""

    jobs: JobPipe
    writer: EventWriter
    engine: Engine
    backoff: Backoff
    meter: Meter
    circuits: Circuits
