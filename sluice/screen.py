"""What a person sees. On a terminal: sentences and a banner. Anywhere else: the house's JSON log lines."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from sluice.engine import EngineFound
from sluice.further import Further
from sluice.settings import UpSettings
from sluice.supervisor import Child
from sluice.tail import Tail, loud, make_room
from wire.logs import Lossy, configure_logs

WIDTH = 100  # characters of a sentence in the banner
CHAT = '{"messages": [{"role": "user", "content": "Why is the sky blue?"}]}'


class Screen:
    """Where lines go. `show_logs`: the children's lines come here; else into `folder`, and warnings are shown."""

    def __init__(self, terminal: bool, level: str, folder: Path, show_logs: bool | None = None) -> None:
        self.terminal = terminal
        self.folder = folder
        self.show_logs = not terminal if show_logs is None else show_logs
        self.log = _configure(terminal, level)

    @property
    def place_of_logs(self) -> str:
        return "shown here" if self.show_logs else str(self.folder)

    def output_of(self, child: Child) -> Child:
        """The child, with its output going where it should."""
        return child if self.show_logs else replace(child, output=self.log_file(child.name))

    def log_file(self, name: str) -> Path:
        """A child's own log file, with room for another run."""
        path = self.folder / f"{name}.log"
        make_room(path)
        return path

    @asynccontextmanager
    async def warnings_of(self, children: Sequence[Child]) -> AsyncIterator[None]:
        """While the context lasts, show the warnings that children write into their log files."""
        tail = Tail({child.name: child.output for child in children if child.output})
        following = asyncio.create_task(tail.follow(self._warn))
        try:
            yield
        finally:
            following.cancel()
            tail.look(self._warn)  # the last lines may hold the reason

    def announce(self, settings: UpSettings, engine: EngineFound, redis: str, others: Sequence[Further] = ()) -> None:
        """Say that the house is up. `redis`: where the queue is, fit to be shown."""
        if self.terminal:
            Lossy(structlog.PrintLogger()).msg(banner(settings, engine, redis, self.place_of_logs, others))
        else:
            facts: dict[str, Any] = {"engine": engine.kind, "detail": engine.detail, "redis": redis}
            facts |= {"pools": [one.pool for one in others]} if others else {}
            url, folder = settings.url, str(settings.data_dir)
            self.log.info(f"Sluice is up: {url}", action="up", url=url, data_dir=folder, **facts)

    def _warn(self, name: str, line: str) -> None:
        if sentence := loud(line):
            self.log.warning(f"{name}: {sentence}")


def drop_unwritten() -> None:
    """Let go of what a closed stdout never took: Python would try it again at the end, and exit with 120."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def banner(settings: UpSettings, engine: EngineFound, redis: str, logs: str, others: Sequence[Further] = ()) -> str:
    """A few calm lines, each answering one question."""
    engine_says = textwrap.wrap(f"{engine.detail} {engine.advice}", WIDTH)
    rows = [
        ("Engine", engine_says[0]),
        *(("", line) for line in engine_says[1:]),
        *(("" if n else "Also", f"pool {one.pool}: {one.detail}") for n, one in enumerate(others)),
        ("Queue", redis),
        ("Data", str(settings.data_dir)),
        ("Logs", logs),
        ("Try", f"curl -N {settings.url}/api/chat -H 'content-type: application/json' \\"),
        ("", f"  -d '{CHAT}'"),
    ]
    lines = [f"  {title:<8} {text}" for title, text in rows]
    return "\n".join(["", f"  Sluice is up: {settings.url}", "", *lines, "", "  Ctrl-C stops it.", ""])


def _configure(terminal: bool, level: str) -> structlog.typing.FilteringBoundLogger:
    """Set up this process's logs, once, and return the logger."""
    if terminal:
        structlog.configure(processors=[_sentence], logger_factory=lambda *_: Lossy(structlog.PrintLogger()))
    else:
        configure_logs(level, "up")
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def _sentence(_: object, method: str, line: MutableMapping[str, Any]) -> str:
    """A log line as a person reads it; its fields are for machines."""
    if method == "debug":
        raise structlog.DropEvent
    return f"sluice: {line['event']}"
