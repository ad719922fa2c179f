"""The load generator: many streams, next to no CPU for each token, and every token checked.

The generator runs as a process of its own, prints one JSON object (`Result`), and reads CPU and memory of the processes
in its arguments at the edges of its own measuring window, so that tokens and CPU belong to the same seconds.

    ramp (streams start, spread) │ settle │ window: measured │ the streams end
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import sys
import time
from array import array
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import uvloop

from bench.dialects import DIALECTS, encode_request
from bench.gauges import Gauge

TOKEN = re.compile(rb"~(\d+):(\d+)~")
LONGEST = 40  # bytes of a token's mark; what follows the last whole mark may be the start of one
GOOD = b"HTTP/1.1 200"
END = b"\r\n0\r\n\r\n"  # the last chunk of an answer, with the end of the chunk before: a header may end in 0, too
SETTLE = 0.5  # seconds after the last start, for queues to empty
GOLDEN = 0.618034  # multiples of this number, modulo 1, spread evenly however many there are
PATIENCE = 30.0  # seconds past its due end after which a stream counts as lost


class Plan(NamedTuple):
    """One load. With `tokens` the loop is closed: each stream asks for whole answers, sent at once, again and again."""

    url: str
    dialect: str
    streams: int
    rate: float  # tokens a second of each stream
    seconds: float  # the measuring window
    ramp: float  # seconds over which the streams start
    tokens: int = 0

    @property
    def closed(self) -> bool:
        return self.tokens > 0

    @property
    def length(self) -> int:
        """Tokens of one answer: in an open loop enough for the first stream to outlast the window."""
        return self.tokens or math.ceil(self.rate * (self.ramp + SETTLE + self.seconds + 1))


class Tally:
    """What all streams have seen. Latencies (ns) are kept only while the window is open."""

    def __init__(self) -> None:
        self.measuring = False
        self.received = 0
        self.ages = array("q")  # engine's write → our read, of each token
        self.waits = array("q")  # request → first token, of each answer
        self.chats = 0  # answers that ended whole inside the window
        self.whole = 0
        self.faults: list[str] = []


class Stream(asyncio.Protocol):
    """One connection with one answer at a time. Neither HTTP nor JSON is parsed: a token is recognised by its mark."""

    def __init__(self, request: bytes, plan: Plan, tally: Tally) -> None:
        self._request = request
        self._length = plan.length
        self._again = plan.closed
        self._tally = tally
        self._rest = b""
        self._next = 0
        self._answered = False
        self._requested_ns = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which only behaves like a Transport
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self._fault(f"cut after {self._next} of {self._length} tokens: {error}")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self._answered:
            self._check_head(data)
        data = self._rest + data
        done = 0
        for token in TOKEN.finditer(data):
            self._take(int(token[1]), int(token[2]), now)
            done = token.end()
        if data.endswith(END):
            self._end(data)
        else:
            self._rest = data[max(done, len(data) - LONGEST) :]

    def stop_asking(self) -> None:
        self._again = False

    def _ask(self) -> None:
        self._next = 0
        self._rest = b""
        self._answered = False
        self._requested_ns = time.monotonic_ns()
        self._transport.write(self._request)

    def _check_head(self, data: bytes) -> None:
        self._answered = True
        if not data.startswith(GOOD):
            self._fault(f"refused: {data[:500]!r}")

    def _take(self, number: int, sent: int, now: int) -> None:
        if number != self._next:
            return self._fault(f"token {number} came where {self._next} was due")
        if self._tally.measuring:
            self._tally.received += 1
            self._tally.ages.append(now - sent)
        if number == 0:
            self._tally.waits.append(now - self._requested_ns)
        self._next += 1

    def _end(self, data: bytes) -> None:
        if self._next != self._length:
            return self._fault(f"ended after {self._next} of {self._length} tokens: {data[-300:]!r}")
        self._tally.whole += 1
        self._tally.chats += self._tally.measuring
        if self._again:
            self._ask()
        else:
            self._finish()

    def _fault(self, what: str) -> None:
        if not self.ended.done():
            self._tally.faults.append(what)
            self._finish()

    def _finish(self) -> None:
        self.ended.set_result(None)
        self._transport.close()


async def start(plan: Plan, tally: Tally) -> list[Stream]:
    """Open the streams over the ramp, each at its own phase of the token period."""
    loop = asyncio.get_running_loop()
    server = urlsplit(plan.url).netloc
    host, _, port = server.partition(":")
    request = encode_request(plan.dialect, server, plan.length, 0 if plan.closed else plan.rate)
    began = loop.time()
    streams = []
    for number in range(plan.streams):
        phase = (number * GOLDEN) % 1 / (plan.rate or 1)
        await asyncio.sleep(began + plan.ramp * number / plan.streams + phase - loop.time())
        _, stream = await loop.create_connection(lambda: Stream(request, plan, tally), host, int(port))
        streams.append(stream)
    return streams


async def run(plan: Plan, pids: dict[str, int]) -> dict[str, Any]:
    """Ramp, settle, measure, end. The result is what `bench.measure.Result` reads."""
    tally = Tally()
    idle = Gauge.read(pids)
    streams = await start(plan, tally)
    await asyncio.sleep(SETTLE)
    before, began = Gauge.read(pids), time.monotonic()
    tally.measuring = True
    await asyncio.sleep(plan.seconds)
    tally.measuring = False
    after, ended = Gauge.read(pids), time.monotonic()
    await finish(streams, tally)
    return {
        "seconds": ended - began,
        "tokens": tally.received,
        "chats": tally.chats,
        "whole": tally.whole,
        "faults": tally.faults[:5],
        "faulty": len(tally.faults),
        "age_ns": percentiles(tally.ages),
        "wait_ns": percentiles(tally.waits),
        "cpu_ns": {name: after.cpu_ns[name] - before.cpu_ns[name] for name in pids},
        "idle_bytes": idle.resident,
        "open_bytes": after.resident,
    }


async def finish(streams: list[Stream], tally: Tally) -> None:
    """Wait until every answer has ended; an answer that does not end in time is a fault."""
    for stream in streams:
        stream.stop_asking()
    _, late = await asyncio.wait([stream.ended for stream in streams], timeout=PATIENCE)
    tally.faults += ["never ended"] * len(late)


def percentiles(values: array[int]) -> dict[str, int]:
    """p50, p99 and the maximum of nanoseconds; empty where nothing was measured."""
    ordered = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: ordered[min(int(len(ordered) * part), len(ordered) - 1)] for name, part in at.items() if ordered}


def parse(words: list[str]) -> tuple[Plan, dict[str, int]]:
    parser = argparse.ArgumentParser(description="Streams with checked tokens; prints one JSON object.")
    parser.add_argument("url")
    parser.add_argument("--dialect", choices=DIALECTS, default="ndjson")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--ramp", type=float, default=1)
    parser.add_argument("--tokens", type=int, default=0, help="closed loop: whole answers of so many tokens, at once")
    parser.add_argument("--watch", nargs="*", default=[], metavar="NAME=PID")
    arguments = vars(parser.parse_args(words))
    pids = {name: int(pid) for name, _, pid in (watch.partition("=") for watch in arguments.pop("watch"))}
    return Plan(**arguments), {**pids, "load": os.getpid()}


def main() -> None:
    plan, pids = parse(sys.argv[1:])
    print(json.dumps(uvloop.run(run(plan, pids))))


if __name__ == "__main__":
    main()
