"""llama.cpp in this process: started on its own threads, and reached at a loopback port that only we know the key of.

Why over a socket, when the library is in the process: see docs/decisions/engines-llama-cpp.md.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ollama_worker.engines.base import EngineError, OutOfMemory, Unsupported

# Tokens a slot. A model may allow 32,000 to a million, and llama.cpp reserves the memory for all of them at the start:
# 8,192 cost a 0.5b model about 100 MB a slot, and a 7b one about 0.5 to 1 GB.
CONTEXT_CAP = 8192
SPARE_THREADS = 4  # each running answer holds one of the server's threads; these are for the short questions
BEGIN_SECONDS = 60.0  # a model is in memory by then: what is left takes milliseconds
QUIET = -1  # llama.cpp's log level: nothing. Its lines would run through ours, which are JSON.

GOMP_ADVICE = (
    "llama.cpp needs the OpenMP library, which this machine lacks: "
    "apt install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora), brew install libomp (macOS)"
)


class Native(NamedTuple):
    """A running llama.cpp. It ends when the last reference to `server` goes."""

    server: Any
    url: str
    key: str  # the port is open to every user of the machine, the model is not


class Plan(NamedTuple):
    """What to load. `context` is tokens a slot; `embedding` servers answer no chats."""

    gguf: Path
    context: int
    slots: int
    embedding: bool = False
    mean_pooling: bool = False  # for a model that does not say how to make one vector of a text
    mmproj: Path | None = None  # what makes tokens of images


async def start(plan: Plan) -> Native:
    """Load a model; takes as long as the disk needs. Raises `OutOfMemory`, or `Unsupported` with advice."""
    return await asyncio.to_thread(_start, import_xllamacpp(), plan)


async def stop(held: list[Native]) -> None:
    """End the servers in this list, which nothing else may refer to: destructors wait, so they run on a thread too."""
    await asyncio.to_thread(held.clear)


def import_xllamacpp() -> Any:
    """The library, imported when it is first needed: 100 MB that no other engine should pay for."""
    try:
        import xllamacpp
    except ImportError as error:
        if "gomp" in str(error) or "libomp" in str(error):
            raise Unsupported(GOMP_ADVICE) from error
        advice = "The llama.cpp engine is not installed: pip install 'sluice[llama-cpp]'"
        raise Unsupported(f"{advice} ({error})") from error
    return xllamacpp


def _start(library: Any, plan: Plan) -> Native:
    if not plan.gguf.is_file():
        raise EngineError(f"There is no file at {plan.gguf}: check SLUICE_GGUF")
    key = secrets.token_urlsafe(24)
    try:
        server = library.Server(_params(library, plan, key))
    except RuntimeError as error:  # the one thing it says for everything that can go wrong
        size = plan.gguf.stat().st_size / 1e9
        raise OutOfMemory(
            f"llama.cpp could not load {plan.gguf.name} ({size:.1f} GB, {plan.slots} slots of {plan.context} tokens): "
            "the file is damaged or does not fit in memory. Try fewer SLUICE_SLOTS or a smaller model"
        ) from error
    native = Native(server, server.listening_address, key)
    _wait_until_it_runs(native)
    return native


def _wait_until_it_runs(native: Native) -> None:
    """It tells its address before its loop begins. An order to end that comes in between is lost: its destructor would
    wait for ever, and all of Python with it. What its loop has answered once does end."""
    url = urlsplit(native.url)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=BEGIN_SECONDS)
    with closing(connection):
        connection.request("GET", "/slots", headers={"Authorization": f"Bearer {native.key}"})
        connection.getresponse().read()


def threads() -> int:
    """All processors but one. llama.cpp's threads wait for each other by spinning: with one thread on every processor,
    whatever else runs here (the API, Redis, our own loop) makes all of them wait, and an answer ten times as slow."""
    return max(1, (os.cpu_count() or 2) - 1)


def _params(library: Any, plan: Plan, key: str) -> Any:
    params = library.CommonParams()
    params.model.path = str(plan.gguf)
    params.n_ctx = plan.context * plan.slots  # llama.cpp divides it among the slots
    params.n_parallel = plan.slots
    params.n_threads_http = plan.slots + SPARE_THREADS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.api_keys = [key]
    params.verbosity = QUIET
    params.ui = False
    params.endpoint_slots = True
    if plan.mmproj:
        params.mmproj.path = str(plan.mmproj)
    if plan.embedding:
        params.embedding = True
        params.n_batch = params.n_ubatch = plan.context  # a text to embed must fit in one batch
        if plan.mean_pooling:
            params.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return params
