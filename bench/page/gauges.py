"""What a browser's page cost while something was measured."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import CDPSession, Page

IN_PAGE = (Path(__file__).parent / "gauges.js").read_text()
FRAME_MS = 1000 / 60
SHORT_TASK_MS = 50.0  # Chromium reports no task that is shorter
QUICK_KEY_MS = 16.0  # nor a key that was painted within this


class Cost(NamedTuple):
    """The cost of one scenario with one renderer. Times in milliseconds; shares between 0 and 1."""

    seconds: float
    busy: float
    """Of the main thread, tasks of all kinds: script, style, layout, paint. Waiting for a core counts."""
    cpu: float
    """The same without that time: what the tasks themselves used."""
    dropped: float
    """Frames that did not come while the page should have drawn 60 a second."""
    longest_task: float
    shift: float
    """Cumulative layout shift, the worst window of at most five seconds."""
    key_to_paint: float | None
    """95th percentile; None where no key was typed."""


class Gauges:
    """The measurements of one page, from `start` to `stop`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clock, self.own = _meter(page, "timeTicks"), _meter(page, "threadTicks")
        self.began = self.busy = self.used = 0.0

    def start(self) -> None:
        self.page.evaluate("gauges.reset()")
        self.began, self.busy, self.used = time.monotonic(), _task_seconds(self.clock), _task_seconds(self.own)

    def stop(self, keys: int = 0) -> Cost:
        """Ends the measuring and returns the cost. `keys`: how many were typed meanwhile."""
        seconds = time.monotonic() - self.began
        busy, used = _task_seconds(self.clock) - self.busy, _task_seconds(self.own) - self.used
        self.page.wait_for_timeout(300)  # observers report a little later
        seen: dict[str, Any] = self.page.evaluate("gauges.read()")
        return Cost(
            seconds=seconds,
            busy=busy / seconds,
            cpu=used / seconds,
            dropped=dropped(seen["frames"]),
            longest_task=max([SHORT_TASK_MS, *seen["tasks"]]),
            shift=worst_window([(shift["at"], shift["value"]) for shift in seen["shifts"]]),
            key_to_paint=slow_key(seen["keys"], keys) if keys else None,
        )


def _meter(page: Page, domain: str) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": domain})
    return session


def _task_seconds(meter: CDPSession) -> float:
    metrics = meter.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def dropped(frames: list[float]) -> float:
    """The share of frames that are missing between the first and the last."""
    if len(frames) < 2:
        return 1.0
    due = (frames[-1] - frames[0]) / FRAME_MS
    missing = sum(max(0, round((after - before) / FRAME_MS) - 1) for before, after in pairwise(frames))
    return missing / due


def worst_window(shifts: list[tuple[float, float]]) -> float:
    """The largest window, as web.dev/cls defines it: a window ends after a second without one, or after five."""
    worst = total = began = last = 0.0
    for at, value in shifts:
        if at - last > 1_000 or at - began > 5_000:
            total, began = 0.0, at
        total, last = total + value, at
        worst = max(worst, total)
    return worst


def slow_key(reported: list[float], typed: int) -> float:
    """The 95th percentile of all typed keys; keys that Chromium did not report were quick."""
    durations = sorted([*reported, *[QUICK_KEY_MS] * (typed - len(reported))])
    return durations[math.ceil(len(durations) * 0.95) - 1]
