"""Which suite took how long: after a run of several, a line for each folder of tests."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The seconds of all processes together: a run with `-n 5` is over in a fifth of them, or a little more."""
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                suite = "/".join(report.nodeid.split("/")[:2])
                seconds[suite] += report.duration
                tests[suite] += report.when == "call"
    if len(seconds) > 1:
        terminalreporter.write_line("")
        for suite, took in seconds.most_common():
            terminalreporter.write_line(f"{suite:24} {tests[suite]:5} tests {took:6.0f} s")
