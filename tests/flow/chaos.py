"""Everything dies at random while clients chat: `python -m tests.flow.chaos --minutes 10 --seed 7`.

Clients submit with an idempotency key, resume by Last-Event-ID at any API, cancel, or vanish. Meanwhile workers, APIs
and Redis are killed, stopped and started again, and cables are cut. Afterwards every accepted job has reached exactly
one terminal state, each client has heard the log byte for byte, texts are exact, and nothing is left behind. SQL has
each job once, and every answer of a thread has the text of its log.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.flow.talk import Talk
from tests.flow.verdict import DRAIN_SECONDS, Verdict
from tests.support.house import PROMPT, House
from tests.support.kept import kept_in
from tests.support.listener import EVENTS, chat
from tests.support.processes import Api, Worker
from tests.support.proxy import Proxy
from tests.support.sse import Cut, Stream, open_stream
from tests.support.truth import truth_of
from tests.support.valkey import Valkey

SETTINGS = {
    "SLUICE_SLOTS": "3",
    "SLUICE_SIMULATED_RATE": "100",
    "SLUICE_GRACE_SECONDS": "1",
    # What is lost here is lost to us, not to the job: no number of kills may turn it into a dead letter.
    "QUEUE_MAX_ATTEMPTS": "20",
    "SLUICE_DEADLINE_SECONDS": "600",
}
# Chaos kills Redis at any instant, so the instant must be on disk; a lost second has tests of its own.
DURABLE = ("--appendfsync", "always")
APIS, WORKERS, THREADS = 2, 3, 3
BROKEN = (Cut, ConnectionError, TimeoutError, ValueError)  # ValueError: a head that was cut off


class Chaos:
    """A house under fire. `run` for some seconds, then `check`: a list of violations, empty when all held."""

    def __init__(self, home: Path, seed: int, clients: int, **settings: str) -> None:
        self.random = random.Random(seed)
        self.clients = clients
        self.settings = {**SETTINGS, **settings}
        self.server = Valkey(home / "valkey", appendonly=True, options=DURABLE)
        self.home = home
        self.talks: list[Talk] = []
        self.faults: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.answers = 0  # in threads, that were compared with their logs
        self.violations: list[str] = []
        self._until = 0.0
        self._healing: set[asyncio.Task[None]] = set()

    @property
    def on(self) -> bool:
        return time.monotonic() < self._until

    async def run(self, seconds: float) -> list[str]:
        self.server.start()
        async with (
            self._house() as house,
            truth_of(self.server.url) as truth,
            kept_in(house.env["DATABASE_URL"]) as kept,
        ):
            self._until = time.monotonic() + seconds
            clients = [asyncio.create_task(self._client(house, number)) for number in range(self.clients)]
            await self._torment(house)
            await self._heal(house)
            await self._finish(clients)
            verdict = Verdict(truth, kept, self.talks)
            await verdict.check_queue()
            await verdict.check_history()
        self.states, self.answers = verdict.states, verdict.answers
        self.violations += verdict.violations
        return self.violations

    @asynccontextmanager
    async def _house(self) -> AsyncIterator[House]:
        async with Proxy(self.server.port) as self.cables:
            house = House(self.home, f"redis://127.0.0.1:{self.cables.port}", PROMPT | self.settings)
            try:
                for _ in range(APIS):
                    house.start_api()
                for _ in range(WORKERS):
                    house.start_worker()
                await house.ready()
                yield house
            finally:
                house.stop()
                self.server.stop()

    # -- clients -----------------------------------------------------------------------------------------------
    async def _client(self, house: House, number: int) -> None:
        while self.on:
            plan = self.random.choices(["stay", "cancel", "vanish"], [8, 1, 1])[0]
            thread = f"thread-{number % THREADS}" if self.random.random() < 0.4 else ""
            talk = Talk(f"{number}-{len(self.talks)}", self.random.randint(1, 300), plan, thread)
            self.talks.append(talk)
            while not talk.ended and not (talk.plan == "vanish" and talk.connections):
                await self._connect(house, talk)

    async def _connect(self, house: House, talk: Talk) -> None:
        """Submit, or continue behind the last event heard. However this connection ends, the next one continues."""
        api = self.random.choice(house.apis)
        try:
            if talk.thread and not talk.job:
                await self._begin_thread(api, talk)
            async with self._open(api, talk) as stream:
                if stream.status == 200:
                    begins = not talk.job
                    talk.job = stream.headers["x-sluice-job"]
                    await (self._glance(stream, talk) if begins and talk.thread else self._hear(stream, api, talk))
                    return
                if stream.status not in (429, 503):
                    self.violations.append(f"{talk.job or talk.name}: {stream.status} {await stream.body()!r}")
        except BROKEN:
            pass
        await asyncio.sleep(0.1)

    async def _begin_thread(self, api: Api, talk: Talk) -> None:
        """Shared by several clients; it is there already for all but the first."""
        async with open_stream(api.url + "/api/threads", {"id": talk.thread}) as stream:
            if stream.status not in (200, 201, 503):
                self.violations.append(f"{talk.thread}: {stream.status} {await stream.body()!r}")

    async def _glance(self, stream: Stream, talk: Talk) -> None:
        """A turn's own stream is of another dialect: after a few frames the page was closed, and opened again."""
        talk.connections += 1
        patience = self.random.randint(1, 40)
        async for _ in stream.frames():
            patience -= 1
            if not patience:
                return

    def _open(self, api: Api, talk: Talk) -> AbstractAsyncContextManager[Stream]:
        if not talk.job and talk.thread:
            return open_stream(api.url + "/api/lc/chat/stream", talk.turn, headers=talk.headers)
        if not talk.job:
            body = chat(f"!tokens {talk.count}")
            return open_stream(api.url + "/api/chat", body, accept=EVENTS, headers=talk.headers)
        after = {"Last-Event-ID": talk.last_id} if talk.last_id else {}
        return open_stream(f"{api.url}/api/jobs/{talk.job}/events", headers=after)

    async def _hear(self, stream: Stream, api: Api, talk: Talk) -> None:
        talk.connections += 1
        patience = self.random.randint(1, 40)
        async for frame in stream.frames():
            if frame.event == "error":
                self.faults["streams that ended in an error"] += 1
                if b"job_lost" in frame.data:
                    self.violations.append(f"{talk.job}: {frame.data!r}")
                return
            talk.frames.append(frame)
            patience -= 1
            if patience == 0 and talk.plan == "vanish":
                return
            if patience == 0 and talk.plan == "cancel":
                async with open_stream(f"{api.url}/api/jobs/{talk.job}/cancel", method="POST") as answer:
                    await answer.body()

    async def _finish(self, clients: list[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(clients, timeout=DRAIN_SECONDS)
        self.violations += [f"a client still waits: {talk}" for talk in self.talks[-1:] if late]
        for client in clients:
            client.cancel()
        for outcome in await asyncio.gather(*clients, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.violations.append(f"a client failed: {outcome!r}")

    # -- faults ------------------------------------------------------------------------------------------------
    async def _torment(self, house: House) -> None:
        faults: dict[Callable[[House], Awaitable[None]], int] = {
            self._kill_a_worker: 4,
            self._stop_a_worker: 4,
            self._terminate_a_worker: 2,
            self._kill_an_api: 3,
            self._stop_an_api: 2,
            self._kill_redis: 2,
            self._stop_redis: 2,
            self._cut: 4,
            self._silence: 2,
        }
        while self.on:
            await asyncio.sleep(self.random.uniform(0.2, 1.5))
            fault = self.random.choices(list(faults), list(faults.values()))[0]
            self.faults[fault.__name__.strip("_").replace("_", " ")] += 1
            await fault(house)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.create_task(wait())
        self._healing.add(task)
        task.add_done_callback(self._healing.discard)

    def _worker(self, house: House) -> Worker | None:
        return self.random.choice([worker for worker in house.workers if worker.alive] or [None])  # type: ignore[list-item]

    async def _kill_a_worker(self, house: House) -> None:
        if worker := self._worker(house):
            worker.kill()
            self._later(self.random.uniform(0, 1), worker.start)

    async def _stop_a_worker(self, house: House) -> None:
        """Sometimes for longer than it takes to be reaped."""
        if worker := self._worker(house):
            worker.pause()
            self._later(self.random.choice([0.5, 2, 12]), worker.resume)

    async def _terminate_a_worker(self, house: House) -> None:
        if worker := self._worker(house):
            worker.resume()
            worker.term()
            try:
                # By the signal itself only where Python was still starting, before it could be handled.
                if await worker.wait_for_exit(20) not in (0, -signal.SIGTERM):
                    self.violations.append(f"{worker.name} got SIGTERM and ended with {worker.returncode}")
            except TimeoutError as error:
                self.violations.append(f"{worker.name} got SIGTERM and did not end: {error}")
                worker.kill()
            worker.start()

    async def _kill_an_api(self, house: House) -> None:
        api = self.random.choice(house.apis)
        if api.alive:
            api.kill()
            self._later(self.random.uniform(0, 1), api.start)

    async def _stop_an_api(self, house: House) -> None:
        api = self.random.choice(house.apis)
        if api.alive:
            api.pause()
            self._later(self.random.uniform(0.2, 3), api.resume)

    async def _kill_redis(self, house: House) -> None:
        self.server.kill()
        await asyncio.sleep(self.random.uniform(0, 1))
        self.server.start(30)

    async def _stop_redis(self, house: House) -> None:
        self.server.pause()
        await asyncio.sleep(self.random.uniform(0.2, 2))
        self.server.resume()

    async def _cut(self, house: House) -> None:
        self.cables.cut()

    async def _silence(self, house: House) -> None:
        self.cables.blackhole(*self.random.choice([("up",), ("down",), ("up", "down")]))  # type: ignore[arg-type]
        await asyncio.sleep(self.random.uniform(0.1, 1.5))
        self.cables.heal()
        if self.random.random() < 0.5:
            self.cables.cut()

    async def _heal(self, house: House) -> None:
        """Start and resume every process."""
        await asyncio.gather(*self._healing)
        self.cables.heal()
        for child in house.children():
            if not child.alive:
                child.start()
            child.resume()

    def report(self) -> str:
        heard = sum(talk.connections for talk in self.talks)
        lines = [f"{len(self.talks)} talks over {heard} connections, ended as {dict(self.states)}"]
        lines += [f"{self.answers} answers of threads held against their logs"]
        lines += [f"  {count:4} {fault}" for fault, count in self.faults.most_common()]
        return "\n".join([*lines, *(self.violations or ["no violation"])])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.flow.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--database", help="the URL of an empty, migrated database; left out: a SQLite file")
    parser.add_argument("--keep", action="store_true", help="keep the processes' logs")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-")) if given.keep else None
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        history = {"DATABASE_URL": given.database} if given.database else {}
        chaos = Chaos(folder or Path(home), given.seed, given.clients, **history)
        print(f"seed {given.seed}" + (f", logs in {folder}" if folder else ""), flush=True)
        violations = asyncio.run(chaos.run(given.minutes * 60))
        print(chaos.report())
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
