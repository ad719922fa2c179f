"""The pulse of living workers, as one process has watched it: which of them are silent, how fast they generate."""

from __future__ import annotations

from typing import Literal, NamedTuple

from wire.workers import BEAT_SECONDS, WorkerRecord

SILENT_SECONDS = 2 * BEAT_SECONDS
SLACK_SECONDS = 1.0  # a beat is late by its own round trip, and by the time between two looks
WorkerState = Literal["idle", "busy", "full", "not_asking", "silent"]


class Seen(NamedTuple):
    """A life's latest beat. `at`: when it was first seen, monotonic seconds. `tokens`: how many the worker had made by
    then. `rate`: tokens a second, None until two beats were counted."""

    beat: int
    at: float
    tokens: int | None
    rate: float | None


class Pulse:
    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def look(self, workers: list[WorkerRecord], now: float) -> None:
        """Take note of a look. `now`: its monotonic seconds."""
        self._seen = {worker.incarnation: self._judge(worker, now) for worker in workers}

    def lost_sight(self) -> None:
        """Redis was away: no beat could be seen, so no worker counts as silent."""
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
        """Tokens a second between the worker's latest two beats that were seen; None: not known."""
        seen = self._seen.get(worker.incarnation)
        return seen.rate if seen is not None else None

    def total_rate(self) -> float:
        """Tokens a second of all workers together; a worker that does not count its tokens adds none."""
        return round(sum(seen.rate or 0.0 for seen in self._seen.values()), 1)

    def state(self, worker: WorkerRecord, now: float) -> WorkerState:
        """`not_asking`: the worker drains, or its engine is not well."""
        if self.silent(worker, now):
            return "silent"
        if not worker.asking:
            return "not_asking"
        if worker.owned >= worker.slots:
            return "full"
        return "busy" if worker.owned else "idle"


def _rate(old: Seen, beat: int, tokens: int | None) -> float | None:
    """Beats are the clock: between two of them lie two seconds, whenever the looks were."""
    if tokens is None or old.tokens is None:
        return None
    return round(max(0, tokens - old.tokens) / ((beat - old.beat) * BEAT_SECONDS), 1)
