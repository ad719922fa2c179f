"""llama.cpp in a process of its own: loads one model, serves it on a loopback port, and ends with its parent.

`llama_cpp_server.py` runs it by its path (`python -P llama_cpp_child.py`). It imports nothing of ours, so that it
starts in the time that the library takes. One JSON object comes in on standard input, and one goes out on standard
output; after that, the end of standard input only shows that the parent has ended.

Why a process: llama.cpp holds Python's lock while it loads a model. In the worker nothing else would run meanwhile: no
beat, no cancel, no token of another answer.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

QUIET = -1  # llama.cpp's log level: nothing
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, of Linux's prctl
QUESTION_SECONDS = 600.0  # the server answers at once, or reads a few tokens on a very slow machine
# A cancel takes effect between two batches, so a batch holds what the device reads in this many seconds.
BATCH_SECONDS = 1.0
# Below 16 tokens a batch costs a third of the speed, above 2,048 (llama.cpp's own default) it wins nothing.
SMALLEST, LARGEST = 16, 2048
MICRO = 512  # llama.cpp's own bound of what is computed at once, and the least with which every projector's images work
CPU_GUESS = 64  # tokens a batch until it is measured: 5 to 10 % slower than 512, on every processor tried
MEASURED_SECONDS = 0.1  # a shorter measurement would be noise
# A batch that could be larger by less than TOO_SMALL costs a few per cent of the speed, and a batch that should be
# smaller by no more than TOO_LARGE costs a cancel one second.
TOO_SMALL, TOO_LARGE = 4, 2
PROBES = (16, 64, 256, 1024)


def main() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # signals reach whole groups, and the worker has answers to finish
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    plan = json.loads(sys.stdin.buffer.readline())
    watching = end_with_parent(int(plan["parent"]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the library must not write among our answers
    report, server = outcome(plan)
    print(json.dumps(report), file=answers, flush=True)
    if server is not None:
        watching.join()
    os._exit(0)  # no destructor: the server's may wait for ever


def end_with_parent(parent: int) -> threading.Thread:
    """End this process when the parent ends, in whatever way. Linux kills it even while the library holds Python's
    lock; elsewhere a thread ends it when the load is over."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the line above
        os._exit(1)
    watching = threading.Thread(target=end_with_input, daemon=True)
    watching.start()
    return watching


def end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def outcome(plan: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The report that the parent reads, and the server to keep, if there is one."""
    try:
        import xllamacpp
    except ImportError as error:
        return {"missing": str(error)}, None
    if "gguf" not in plan:  # the parent wants to know only whether the library is there
        return {}, None
    try:
        # A text to embed must fit in one batch, so an embedding that has begun is not interrupted.
        batch = plan["context"] if plan["embedding"] else int(plan["batch"]) or first_guess(xllamacpp)
        server = xllamacpp.Server(params(xllamacpp, plan, batch))
        wait_until_it_runs(server.listening_address, plan["key"])
        if not plan["batch"] and not plan["embedding"]:
            server, batch = fitted(xllamacpp, plan, server, batch)
    except RuntimeError as error:  # the library raises nothing else, whatever goes wrong
        return {"failed": str(error)}, None
    return {"url": server.listening_address, "batch": batch}, server


def fitted(library: Any, plan: dict[str, Any], server: Any, batch: int) -> tuple[Any, int]:
    """The server, with a batch that this device reads in a second. Where the first guess was too far off, the server is
    loaded again, from the system's cache of the file."""
    speed = tokens_a_second(server.listening_address, plan["key"])
    wanted = batch_for(speed, plan["context"], bool(plan["mmproj"])) if speed else batch
    if batch <= wanted * TOO_LARGE and wanted < batch * TOO_SMALL:
        return server, batch
    del server  # before the next: two of them may not fit
    return library.Server(params(library, plan, wanted)), wanted


def batch_for(speed: float, context: int, sees: bool) -> int:
    """Tokens in a batch for a device that reads `speed` tokens a second: a power of two.

    With a projector at least `MICRO`: some models read the tokens of an image in one piece, or not at all.
    """
    least, most = MICRO if sees else SMALLEST, max(SMALLEST, min(LARGEST, context))
    batch = SMALLEST
    while batch * 2 <= min(most, speed * BATCH_SECONDS):
        batch *= 2
    return max(least, batch)


def first_guess(library: Any) -> int:
    """The first batch: a GPU reads some thousand tokens a second, a processor some hundred at most."""
    kinds = library.ggml_backend_dev_type
    cpu = (kinds.GGML_BACKEND_DEVICE_TYPE_CPU, kinds.GGML_BACKEND_DEVICE_TYPE_ACCEL)
    return CPU_GUESS if all(device["type"] in cpu for device in library.get_device_info()) else LARGEST


def tokens_a_second(url: str, key: str) -> float:
    """How fast a prompt is read, measured by the shortest prompt that takes long enough; 0 where none can be read."""
    speed = 0.0
    for length in PROBES:
        body = {"prompt": [10 + n % 50 for n in range(length)], "n_predict": 1, "cache_prompt": False}
        timings = json.loads(ask(url, key, "POST", "/completion", body)).get("timings") or {}
        took = float(timings.get("prompt_ms") or 0) / 1000
        if not took:
            return speed  # longer than the context: the measurement of a shorter prompt must do
        speed = length / took
        if took >= MEASURED_SECONDS:
            return speed
    return speed


def wait_until_it_runs(url: str, key: str) -> None:
    """Wait for the first answer of the server's loop: the server has an address before its loop begins, and only a loop
    that has answered once can be ended."""
    ask(url, key, "GET", "/slots")


def ask(url: str, key: str, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=QUESTION_SECONDS)
    with closing(connection):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        return connection.getresponse().read()


def params(library: Any, plan: dict[str, Any], batch: int) -> Any:
    params = library.CommonParams()
    params.model.path = plan["gguf"]
    params.n_ctx = plan["context"] * plan["slots"]  # llama.cpp divides it among the slots
    params.n_parallel = plan["slots"]
    params.n_threads_http = plan["http_threads"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = plan["threads"]
    params.api_keys = [plan["key"]]
    params.verbosity = QUIET
    params.ui = False
    params.endpoint_slots = True
    params.n_batch, params.n_ubatch = batch, batch if plan["embedding"] else min(batch, MICRO)
    if plan["mmproj"]:
        params.mmproj.path = plan["mmproj"]
    if plan["embedding"]:
        params.embedding = True
        if plan["mean_pooling"]:
            params.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return params


if __name__ == "__main__":
    main()
