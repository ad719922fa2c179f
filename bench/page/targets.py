"""What the page promises, and whether it keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.page.gauges import Cost


class Target(NamedTuple):
    kind: str
    """Of a scenario: `stream`, `open` or `load`."""
    figure: str
    most: float
    of: Callable[[Cost], float | None]
    unit: str = ""

    def reached(self, cost: Cost) -> bool:
        found = self.of(cost)
        return found is not None and found <= self.most

    def shown(self, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value * 100:.1f} %" if self.unit == "%" else f"{value:.3g} {self.unit}".rstrip()


TARGETS = (
    Target("stream", "main thread busy", 0.20, lambda cost: cost.busy, "%"),
    Target("stream", "of it, CPU time", 0.20, lambda cost: cost.cpu, "%"),
    Target("stream", "frames dropped", 0.02, lambda cost: cost.dropped, "%"),
    Target("stream", "longest task", 150, lambda cost: cost.longest_task, "ms"),
    Target("stream", "layout shift", 0.03, lambda cost: cost.shift),
    Target("stream", "key to paint, p95", 50, lambda cost: cost.key_to_paint, "ms"),
    Target("open", "longest task", 300, lambda cost: cost.longest_task, "ms"),
    Target("load", "longest task", 300, lambda cost: cost.longest_task, "ms"),
)
