"""The points that the charts are drawn from: one every other second, for a quarter of an hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.admin.repository import WaitSums
from backend.moments import moment

SAMPLE_MS = 2_000
EARLY_MS = 250  # a look may be a little early
KEEP_MS = 15 * 60_000
LATELY_MS = 10_000  # before a point: jobs that ended then make its means, which one job alone would make jump


class Point(NamedTuple):
    """A point of the charts. `at`: pool ms. The means are of jobs that ended lately; None where none did, or where SQL
    was not read."""

    at: int
    depth: int
    running: int
    tokens_per_second: float
    wait_ms: float | None = None
    first_token_ms: float | None = None

    def view(self) -> dict[str, Any]:
        return {**self._asdict(), "at": moment(self.at)}

    def with_waits(self, waits: Sequence[WaitSums]) -> Point:
        """The point with its means. `waits`: in stretches of SAMPLE_MS; those just before the point count."""
        lately = [w for w in waits if self.at - LATELY_MS <= w.stretch * SAMPLE_MS <= self.at]
        wait = _mean(sum(w.wait_ms for w in lately), sum(w.waited for w in lately))
        first = _mean(sum(w.first_token_ms for w in lately), sum(w.spoke for w in lately))
        return self._replace(wait_ms=wait, first_token_ms=first)


class Points:
    """The latest quarter of an hour, oldest first."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, point: Point) -> None:
        """Keep the point, if it is time for one. A clock that was set back begins a new history."""
        if self._points and point.at < self._points[-1].at:
            self._points.clear()
        if not self._points or point.at - self._points[-1].at >= SAMPLE_MS - EARLY_MS:
            self._points.append(point)
        while self._points[0].at < point.at - KEEP_MS:
            self._points.popleft()

    def since(self) -> int:
        """Pool ms of the earliest job that counts for any of these points."""
        return self._points[0].at - LATELY_MS if self._points else 0

    def view(self, waits: Sequence[WaitSums]) -> dict[str, Any]:
        return {"points": [point.with_waits(waits).view() for point in self._points]}


def _mean(total: int, count: int) -> float | None:
    return round(total / count, 1) if count else None
