"""`python -m ollama_worker`: one worker process, until SIGTERM or Ctrl-C. Settings: see `--help`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

from ollama_worker.engines.base import NoEngine
from ollama_worker.settings import WorkerSettings
from ollama_worker.worker import Worker
from wire.logs import configure_logs
from wire.settings import WRONG_SETTINGS, describe_settings, read_settings


async def serve(settings: WorkerSettings) -> None:
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()


def run() -> None:
    """Serve until a signal comes; with `--help`, print the settings."""
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__, describe_settings(WorkerSettings), sep="\n\n")
        return
    settings = read_settings(WorkerSettings)
    configure_logs(settings.log_level, "worker")
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(settings))
    except NoEngine as error:
        print(f"sluice: {error}", file=sys.stderr)
        sys.exit(WRONG_SETTINGS)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where uvloop is installed; None: asyncio's own loop, which is slower."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
