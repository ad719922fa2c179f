"""The command line as a process."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.processes import clean_environment

SLOW = ("langserve", "langchain_core", "langchain_ollama", "fastapi", "redis", "pydantic", "aiohttp", "structlog")


def sluice(*arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "-m", "sluice", *arguments],
        env=clean_environment(COLUMNS="200", NO_COLOR="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["up", "api", "worker", "bench", "doctor"])
def test_help_teaches_every_command(command: str) -> None:
    assert re.search(rf"^\W+{command} +\w.+", sluice("--help").stdout, re.MULTILINE)


def test_help_loads_nothing_slow() -> None:
    done = sluice("--help", python=("-X", "importtime"))
    loaded = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "typer" in loaded  # else no module was looked at
    assert not loaded & set(SLOW)


def test_the_version_is_shown() -> None:
    assert sluice("--version").stdout.startswith("sluice ")


def test_an_unknown_command_is_refused() -> None:
    done = sluice("down")
    assert done.returncode == 2
    assert "down" in done.stderr


def test_arguments_reach_the_benchmark() -> None:
    """`sluice bench --help` is `python -m bench --help`."""
    assert sluice("bench", "--help").stdout.startswith("usage: python -m bench")
