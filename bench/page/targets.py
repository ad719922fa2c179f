"""What the page promises, and whether the page keeps the promise.

The promise is the whole page's, in a running house, and of CPU: what the main thread itself used. The report also has
how long the main thread was busy, without a target, because that time counts waiting for a core, which other programs
of the machine cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.page.gauges import Cost


class PageTarget(NamedTuple):
    kind: str
    """Of a scenario: `stream`, `open` or `load`."""
    figure: str
    most: float | None
    """None: nothing is promised, the figure is only reported."""
    of: Callable[[Cost], float | None]
    unit: str = ""

    def reached(self, cost: Cost) -> bool:
        figure = self.of(cost)
        return self.most is None or (figure is not None and figure <= self.most)

    def shown(self, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value * 100:.1f} %" if self.unit == "%" else f"{value:.3g} {self.unit}".rstrip()


TARGETS = (
    PageTarget("stream", "main thread, CPU", 0.20, lambda cost: cost.cpu, "%"),
    PageTarget("stream", "the same, waiting for a core included", None, lambda cost: cost.busy, "%"),
    PageTarget("stream", "frames dropped", 0.02, lambda cost: cost.dropped, "%"),
    PageTarget("stream", "longest task", 150, lambda cost: cost.longest_task, "ms"),
    PageTarget("stream", "layout shift", 0.03, lambda cost: cost.shift),
    PageTarget("stream", "key to paint, p95", 50, lambda cost: cost.key_to_paint, "ms"),
    PageTarget("open", "longest task", 300, lambda cost: cost.longest_task, "ms"),
    PageTarget("load", "longest task", 300, lambda cost: cost.longest_task, "ms"),
)
