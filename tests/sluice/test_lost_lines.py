"""A log line that cannot be written costs that line, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.processes import clean_environment

LOGS = """
import structlog, sys
from wire.logs import configure_logs
configure_logs("INFO", "test")
for _ in range(2000):  # more than stdout's buffer holds
    structlog.get_logger().info("a line that is lost", action="lost")
print("went on", file=sys.stderr)
"""
BROKEN_HOUSE = """
import asyncio
from backend.house import _leave_if_broken

async def main():
    async def fail():
        raise LookupError("a loop's fault")
    task = asyncio.create_task(fail())
    task.add_done_callback(_leave_if_broken)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def run_on_a_full_disk(tmp_path: Path, program: str) -> subprocess.CompletedProcess[str]:
    with Path("/dev/full").open("w") as full:
        return subprocess.run(
            [sys.executable, "-c", program],
            env=clean_environment(),
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )


def test_a_process_that_logs_to_a_full_disk_goes_on(tmp_path: Path) -> None:
    assert "went on" in run_on_a_full_disk(tmp_path, LOGS).stderr


def test_an_api_whose_loop_broke_exits_even_where_it_cannot_log_that(tmp_path: Path) -> None:
    assert run_on_a_full_disk(tmp_path, BROKEN_HOUSE).returncode == -signal.SIGTERM
