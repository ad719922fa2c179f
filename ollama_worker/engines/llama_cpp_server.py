"""llama.cpp as a process of its own, started and ended here. It serves a loopback port, whose key only this worker
knows.

Why a process, and why over a socket: see docs/decisions/engines-llama-cpp.md.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson

from ollama_worker.engines.base import EngineError, EngineFailed, OutOfMemory, Unsupported

CHILD = Path(__file__).with_name("llama_cpp_child.py")
# Tokens a slot. A model may allow 32,000 to a million, and llama.cpp reserves the memory for all of them at the start:
# 8,192 cost a 0.5b model about 100 MB a slot, and a 7b one about 0.5 to 1 GB.
CONTEXT_CAP = 8192
SPARE_THREADS = 4  # each running answer holds one of the server's threads; these are for the short requests
# A process closes its sockets before its parent learns of its end: a second is a thousand times the time between.
DEATH_SECONDS = 1.0

GOMP_ADVICE = (
    "llama.cpp needs the OpenMP library, which this machine lacks: "
    "apt install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora), brew install libomp (macOS)"
)


class Native(NamedTuple):
    """A running llama.cpp. `batch`: tokens of a prompt that it reads at once."""

    process: Process
    url: str
    key: str  # every user of the machine reaches the port, and none but this worker the model
    batch: int

    async def death(self) -> str:
        """How the process ended, in words; "" while it lives."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DEATH_SECONDS):
                return in_words(await self.process.wait())
        return ""


class Plan(NamedTuple):
    """The load of one process. `context` is tokens for each slot; an `embedding` server answers no chats; `batch` 0: it
    is measured."""

    gguf: Path
    context: int
    slots: int
    embedding: bool = False
    mean_pooling: bool = False  # for a model that names no way to make one vector of a text
    mmproj: Path | None = None  # what makes tokens of images
    batch: int = 0


async def start(plan: Plan) -> Native:
    """Load a model in a new process. It takes as long as the disk needs; where it is cancelled, the process is ended.

    Raises `OutOfMemory`, `EngineFailed`, or `Unsupported` with advice.
    """
    if not plan.gguf.is_file():
        raise EngineError(f"There is no file at {plan.gguf}: check SLUICE_GGUF")
    key = secrets.token_urlsafe(24)
    process = await _child(_order_of(plan, key))
    try:
        report = await _report_of(process, plan)
    except BaseException:
        await _end(process)
        raise
    return Native(process, report["url"], key, report["batch"])


async def stop(held: list[Native]) -> None:
    """End these servers, with everything that they hold."""
    for native in held:
        await _end(native.process)
    held.clear()


async def look_for_library() -> None:
    """Import the library once, in a process that then ends: it takes 100 MB. Raises `Unsupported`, with advice, where
    the library is missing."""
    process = await _child({"parent": os.getpid()})
    try:
        _refuse_missing(orjson.loads(await _line(process) or b"{}"))
    finally:
        await _end(process)


def in_words(status: int) -> str:
    """A sentence about a process's exit status, as `Process.wait` returns it."""
    if status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        name = signal.Signals(-status).name
        return (
            f"killed by {name}, as the system does where memory runs out" if name == "SIGKILL" else f"killed by {name}"
        )
    return f"killed by signal {-status}"


def threads() -> int:
    """The number of processors but one. llama.cpp's threads wait for each other by spinning: with a thread on every
    processor, any other process (the API, Redis, our own loop) makes all of them wait, and an answer ten times as
    slow."""
    return max(1, (os.cpu_count() or 2) - 1)


def _order_of(plan: Plan, key: str) -> dict[str, Any]:
    return {
        **plan._asdict(),
        "gguf": str(plan.gguf),
        "mmproj": str(plan.mmproj) if plan.mmproj else "",
        "http_threads": plan.slots + SPARE_THREADS,
        "threads": threads(),
        "key": key,
        "parent": os.getpid(),
    }


async def _child(order: dict[str, Any]) -> Process:
    """A process that has its order. The order holds the key, so it goes through a pipe: other users can read the
    arguments and the environment of a process.

    llama.cpp's error output may hold parts of a request, and reaches no log.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", str(CHILD), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    cast(asyncio.StreamWriter, process.stdin).write(orjson.dumps(order) + b"\n")
    return process


async def _line(process: Process) -> bytes:
    return await cast(asyncio.StreamReader, process.stdout).readline()


async def _report_of(process: Process, plan: Plan) -> dict[str, Any]:
    line = await _line(process)
    if not line:
        words = in_words(await process.wait())
        raise EngineFailed(f"llama.cpp ended while it loaded {plan.gguf.name} ({words}). {SMALLER}")
    report: dict[str, Any] = orjson.loads(line)
    _refuse_missing(report)
    if "failed" in report:
        size = plan.gguf.stat().st_size / 1e9
        raise OutOfMemory(
            f"llama.cpp could not load {plan.gguf.name} ({size:.1f} GB, {plan.slots} slots of {plan.context} tokens): "
            f"the file is damaged or does not fit in memory. {SMALLER}"
        )
    return report


SMALLER = "Try fewer SLUICE_SLOTS or a smaller model"


def _refuse_missing(report: dict[str, Any]) -> None:
    missing = str(report.get("missing") or "")
    if "gomp" in missing or "libomp" in missing:
        raise Unsupported(GOMP_ADVICE)
    if missing:
        raise Unsupported(f"The llama.cpp engine is not installed: pip install 'sluice[llama-cpp]' ({missing})")


async def _end(process: Process) -> None:
    """Kill the process. It has nothing to save, and it may be loading, which no other signal interrupts."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    if process.stdin:
        process.stdin.close()
