"""A whole house for one test: on a given Valkey, any number of API and worker processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.support.child import Child
from tests.support.processes import Api, Worker, clean_environment
from tests.support.valkey import Valkey

# Fast tokens, since tests wait for them; faults on, so that a prompt can ask the engine to fail in a given way.
SIMULATED = {
    "SLUICE_ENGINE": "simulated",
    "SLUICE_SIMULATED_FAULTS": "1",
    "SLUICE_SIMULATED_RATE": "200",
    "SLUICE_REDIS_SECONDS": "5",  # a busy machine may stand still for a second without refusing a caller
}
# As in production, for tests of a Redis that is away, hangs or is cut off: a caller gets its error within a second.
PROMPT = {"SLUICE_REDIS_SECONDS": "0.8"}


class House:
    """Starts processes on one Redis and ends every one of them, by its pid.

    `settings` are environment variables of all its processes, over a simulated engine with faults. Its APIs share one
    history, a SQLite file of the house's own, unless `DATABASE_URL` names another.
    """

    def __init__(self, home: Path, redis_url: str, settings: dict[str, str]) -> None:
        self.home = home
        self.redis_url = redis_url
        history = {"DATABASE_URL": f"sqlite:///{quote(str(home / 'history.db'))}"}
        self.env = clean_environment(REDIS_URL=redis_url, **{**SIMULATED, **history, **settings})
        self.apis: list[Api] = []
        self.workers: list[Worker] = []

    @property
    def api(self) -> Api:
        return self.apis[0]

    @property
    def worker(self) -> Worker:
        return self.workers[0]

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def pool(self) -> str:
        return self.env.get("SLUICE_POOL", "default")

    def start_api(self, **settings: str) -> Api:
        """One more API process, started but not awaited."""
        name = f"api{len(self.apis)}"
        api = Api(self.home / name, {**self.env, **settings}, name)
        self.apis.append(api)
        api.start()
        return api

    def start_worker(self, **settings: str) -> Worker:
        """One more worker process, started but not awaited."""
        name = f"worker{len(self.workers)}"
        worker = Worker(self.home / name, {**self.env, **settings}, name)
        self.workers.append(worker)
        worker.start()
        return worker

    async def ready(self) -> None:
        """Wait until every API is ready and sees every worker that runs."""
        running = sum(worker.alive for worker in self.workers)
        for api in self.apis:
            if api.alive:
                await api.ready()
                await api.sees_workers(running)

    def children(self) -> list[Child]:
        return [*self.apis, *self.workers]

    def stop(self) -> None:
        """Ends all processes at once: they shut down side by side, so that a test does not wait for each."""
        running = [child for child in self.children() if child.alive]
        for child in running:
            child.term()
            child.resume()
        for child in running:
            child.stop()

    def report(self) -> str:
        return "\n".join(child.tail() for child in self.children())


class Houses:
    """The houses of one test or of one module, each in a folder of its own; leaving the block ends every process.

    `settings` are for all of them.
    """

    def __init__(self, home: Path, valkey: Valkey, settings: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._valkey = valkey
        self._settings = dict(settings or {})
        self._built: list[House] = []

    async def __call__(
        self, *, apis: int = 1, workers: int = 1, redis_url: str | None = None, **settings: str
    ) -> House:
        """A house that is ready. `redis_url`: another server than the shared one, or a proxy in front of it."""
        house = self._started(apis, workers, redis_url, settings)
        await house.ready()
        return house

    def standing(self, *, apis: int = 1, workers: int = 1, **settings: str) -> House:
        """The same for callers without an event loop, in a pool of its own: a server may have several such houses."""
        house = self._started(apis, workers, None, {"SLUICE_POOL": f"test-{secrets.token_hex(4)}", **settings})
        for api in house.apis:
            api.wait_ready(workers)
        return house

    def build(self, *, redis_url: str | None = None, **settings: str) -> House:
        """A house without any process yet."""
        home = self._home / f"house{len(self._built)}"
        house = House(home, redis_url or self._valkey.url, self._settings | settings)
        self._built.append(house)
        return house

    def _started(self, apis: int, workers: int, redis_url: str | None, settings: dict[str, str]) -> House:
        house = self.build(redis_url=redis_url, **settings)
        for _ in range(workers):
            house.start_worker()
        for _ in range(apis):
            house.start_api()
        return house

    def stop(self) -> None:
        """End every process. pytest shows what is printed here beside a test that failed."""
        for house in self._built:
            house.stop()
            print(house.report())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


MakesHouse = Callable[..., House]  # `Houses.standing` as the fixture `module_house` gives it
