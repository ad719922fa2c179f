"""How living workers are, as one process has watched them: which of them fell silent, and how fast they generate."""

from __future__ import annotations

from typing import Literal, NamedTuple

from wire.workers import BEAT_SECONDS, WorkerRecord

SILENT_SECONDS = 2 * BEAT_SECONDS
SLACK_SECONDS = 1.0  # a beat is late by its own round trip and by how often we look
WorkerState = Literal["idle", "busy", "full", "not_asking", "silent"]


class Seen(NamedTuple):
    """A life's latest beat: when we first saw it (monotonic seconds), and what it told. `rate`: tokens a second, None
    until two beats told."""

    beat: int
    at: float
    tokens: int | None
    rate: float | None


class Pulse:
    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def look(self, workers: list[WorkerRecord], now: float) -> None:
        """`now`: monotonic seconds of a look that Redis answered."""
        self._seen = {worker.incarnation: self._judge(worker, now) for worker in workers}

    def lost_sight(self) -> None:
        """Redis was away: no beat could be seen, so nobody was silent."""
        self._seen = {life: seen._replace(at=float("inf")) for life, seen in self._seen.items()}

    def _judge(self, worker: WorkerRecord, now: float) -> Seen:
        tokens = worker.info.tokens
        old = self._seen.get(worker.incarnation)
        if old is None:
            return Seen(worker.beat, now, tokens, None)
        if old.beat == worker.beat:
            return old._replace(at=min(old.at, now))
        return Seen(worker.beat, now, tokens, _rate(old, worker.beat, tokens))

    def silent(self, worker: WorkerRecord, now: float) -> bool:
        seen = self._seen.get(worker.incarnation)
        return seen is not None and now - seen.at > SILENT_SECONDS + SLACK_SECONDS

    def rate(self, worker: WorkerRecord) -> float | None:
        """Tokens a second between its latest two beats that we saw; None: not known."""
        seen = self._seen.get(worker.incarnation)
        return seen.rate if seen is not None else None

    def total_rate(self) -> float:
        """Of all of them together; who does not tell adds nothing."""
        return round(sum(seen.rate or 0.0 for seen in self._seen.values()), 1)

    def state(self, worker: WorkerRecord, now: float) -> WorkerState:
        """`not_asking`: it drains, or its engine is not well."""
        if self.silent(worker, now):
            return "silent"
        if not worker.asking:
            return "not_asking"
        if worker.owned >= worker.slots:
            return "full"
        return "busy" if worker.owned else "idle"


def _rate(old: Seen, beat: int, tokens: int | None) -> float | None:
    """Beats are the clock: between two of them lie two seconds, whenever we happened to look."""
    if tokens is None or old.tokens is None:
        return None
    return round(max(0, tokens - old.tokens) / ((beat - old.beat) * BEAT_SECONDS), 1)
