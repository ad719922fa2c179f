"""`sluice up`: claim the folder, start the queue, find an engine, start the house, wait for SIGTERM or Ctrl-C.

The page is built meanwhile, where it is not there yet.

Leaving goes backwards: the API drains, the workers finish or hand back what they run, and Valkey ends last.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from ollama_worker.settings import WorkerSettings
from sluice import programs
from sluice.address import AddressRefused, check_free, wait_until_healthy
from sluice.db import HistoryRefused, prepare
from sluice.engine import EngineFound, EngineRefused, environment, find_engine, refuse_itself
from sluice.folder import FolderRefused, claim
from sluice.further import Further, further_workers, pools
from sluice.page import Building, PageBuilder, nothing_to_build
from sluice.programs import Programs
from sluice.redis_check import RedisRefused, inspect, without_secrets
from sluice.screen import Screen, drop_unwritten
from sluice.settings import UpSettings
from sluice.supervisor import Child, ChildRefused, Supervisor
from sluice.valkey import NoServer, embedded_valkey, wait_until_loaded
from wire.settings import read_settings

START_LIMIT = 60.0  # seconds until an API that does not answer is given up


class NotReady(Exception):
    """The API did not come up; the message names the log."""


REFUSALS = (
    *(AddressRefused, ChildRefused, EngineRefused, FolderRefused),
    *(HistoryRefused, NoServer, NotReady, RedisRefused),
)


def run(show_logs: bool | None = None, commands: Programs | None = None) -> int:
    """The command; returns the exit code. `show_logs`: every line, or warnings only; None: as fits the stdout."""
    settings, worker = read_settings(UpSettings), read_settings(WorkerSettings)
    screen = Screen(sys.stdout.isatty(), settings.log_level, settings.data_dir / "logs", show_logs)
    try:
        asyncio.run(Up(settings, worker, screen, commands or Programs()).run())
    except REFUSALS as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 0  # stopped by a signal, and everything has ended in order
    except KeyboardInterrupt:
        return 130  # stopped by a signal before anything was started
    finally:
        drop_unwritten()
    return 0


class Up:
    """One run of the house."""

    def __init__(self, settings: UpSettings, worker: WorkerSettings, screen: Screen, commands: Programs) -> None:
        self._settings = settings
        self._worker = worker
        self._screen = screen
        self._commands = commands

    async def run(self) -> None:
        """Ends only by being cancelled or by one of REFUSALS. Either way nothing is left running."""
        async with claim(self._settings.data_dir, self._settings.url) as lock:
            check_free(self._settings.host, self._settings.port)
            async with Supervisor(self._screen.log, held=(lock,)) as house:
                stop_on_signals(house, self._screen)
                async with self._page(house) as page:
                    await self._stand(house, page)

    async def _stand(self, house: Supervisor, page: Building) -> None:
        """Start everything, the API last: by then there is a page to serve, or a reason why there is none."""
        redis_url = await self._start_queue(house)
        await house.unless_refused(prepare(self._settings.database_url))
        others = further_workers(self._settings, self._worker)
        refuse_itself(self._worker, self._settings.host, self._settings.port)
        engine = await house.unless_refused(find_engine(self._worker, self._screen.terminal))
        workers, api = self._processes(redis_url, engine, others)
        async with self._screen.warnings_of([*workers, api]):
            house.start(*workers)
            if trouble := await house.unless_refused(page.outcome(self._screen.terminal)):
                self._screen.log.warning(trouble, action="page_not_built")
            house.start(api)  # last, and so the first to be stopped
            await self._ready(house)
            self._screen.announce(self._settings, engine, without_secrets(redis_url), others)
            await house.refused()

    def _page(self, house: Supervisor) -> Building:
        """The build of the page: it needs nothing of the house, and so runs beside its start."""
        frontend = self._commands.frontend
        builder = PageBuilder(frontend, self._screen.log_file("page"), self._screen.log.info)
        build = builder.make_fresh(house) if self._settings.builds_page else nothing_to_build()
        return Building(build, frontend)

    async def _start_queue(self, house: Supervisor) -> str:
        """The URL of a Redis that answers: the one that was given, else our own."""
        if self._settings.redis_is_given:
            facts = await inspect(self._settings.redis_url)
            if not facts.persistent:
                self._screen.log.warning("A restart of this Redis loses the queue: CONFIG SET appendonly yes")
            return self._settings.redis_url
        memory = programs.valkey_memory(self._settings)
        valkey, url = embedded_valkey(self._settings.data_dir, self._screen.log_file("valkey"), memory)
        house.start(valkey)
        await house.unless_refused(wait_until_loaded(url))
        return url

    def _processes(self, redis_url: str, engine: EngineFound, others: list[Further]) -> tuple[list[Child], Child]:
        """The workers and the API, with their whole environment."""
        env = programs.environment(self._settings, redis_url) | environment(engine, self._worker)
        workers = programs.workers(self._commands, self._settings, env)
        workers += programs.further(self._commands, self._settings, env, others)
        api = programs.api(self._commands, self._settings, env | {"SLUICE_POOLS": pools(self._settings, others)})
        return [self._screen.output_of(worker) for worker in workers], self._screen.output_of(api)

    async def _ready(self, house: Supervisor) -> None:
        try:
            async with asyncio.timeout(START_LIMIT):
                await house.unless_refused(wait_until_healthy(self._settings.url))
        except TimeoutError:
            where = self._screen.place_of_logs
            raise NotReady(f"the API did not answer within {START_LIMIT:g} s; its log says why: {where}") from None


def stop_on_signals(house: Supervisor, screen: Screen) -> None:
    """Ctrl-C, SIGTERM or a closed terminal ends the calling task, which stops all in order; another one hurries it."""
    loop, main, requested = asyncio.get_running_loop(), asyncio.current_task(), False

    def on_signal() -> None:
        nonlocal requested
        if requested or house.stopping:
            house.hurry()
        elif main is not None:
            requested = True
            main.cancel()
            screen.log.info("Stopping: what runs may finish. Again: at once.", action="stopping")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup sluice up` means it
        loop.add_signal_handler(signal.SIGHUP, on_signal)
