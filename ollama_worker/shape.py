"""What a worker tells of itself: engine, models, slots, GPUs, what it has generated and how long its jobs take."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

import structlog

from ollama_worker.engines.base import Engine, EngineError
from ollama_worker.engines.store import ModelInfo
from ollama_worker.tools import Meter
from wire.outage import Outage, repeat
from wire.workers import MODELS_MOST, Gpu, WorkerInfo, is_name, loaded_of

REFRESH_SECONDS = 15.0
TELL_MODELS_SECONDS = 3600.0
WEIGHT = 0.3  # of the latest job in the mean: half of it is made of the last two
FILE = ("size", "size_vram", "digest", "details", "expires_at")  # absent: not told
log = structlog.get_logger()


class Shape:
    """Kept for the process, over all its lives. `news()` is what a beat should carry: None when nothing changed."""

    def __init__(self, engine: Engine, slots: int, detail: str, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter
        self.slots = slots
        self._info = WorkerInfo(engine.name, {}, socket.gethostname(), detail=detail)
        self._told = self._info
        self._tell_models_at = time.monotonic() + TELL_MODELS_SECONDS
        self._left_out = 0
        self._looked = False  # since the pool was told what is loaded
        self._doubts = asyncio.Event()

    @property
    def info(self) -> WorkerInfo:
        return self._info._replace(tokens=self._meter.tokens)

    async def keep_looking(self) -> None:
        """Ask the engine for its models, now and then: they are pulled, loaded and unloaded behind our back."""
        await repeat(self._look_and_wait, Outage("The engine", "engine", (EngineError,)).part("looking at the engine"))

    async def _look_and_wait(self) -> None:
        await self.look()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._doubts.wait(), REFRESH_SECONDS)
        self._doubts.clear()

    def doubt(self) -> None:
        """An engine has failed: look at what it has, now."""
        self._doubts.set()

    async def look(self) -> None:
        try:
            listed = await self._engine.store.models()
        except EngineError as error:
            log.debug("engine does not list its models", action="engine.models_failed", code=error.code)
            return
        except Exception:  # whatever it lists, this worker lives on: it looks again in a while
            log.exception("the list of models cannot be read", action="engine.models_failed")
            return
        models = {model.name: _about(model) for model in islice(filter(_is_named, listed), MODELS_MOST)}
        self._complain(len(listed) - len(models))
        self._info = self._info._replace(models=models)
        self._looked = True

    def _complain(self, left_out: int) -> None:
        """Once for each number of models that are left out."""
        if left_out and left_out != self._left_out:
            log.warning("some of the models listed are left out", action="engine.models_left_out", count=left_out)
        self._left_out = left_out

    def loaded(self, in_use: Iterable[str]) -> set[str] | None:
        """The models in memory, those that running jobs load included; None where nobody looked since the last call.

        What a lost beat carried is told again after the next look.
        """
        looked, self._looked = self._looked, False
        return {*loaded_of(self._info), *in_use} if looked else None

    def sees(self, gpus: tuple[Gpu, ...]) -> None:
        """The latest look at the machine's GPUs."""
        self._info = self._info._replace(gpus=gpus)

    def took(self, seconds: float) -> None:
        """A job has ended: weigh its time into the mean that callers' ETA is made of."""
        mean = self._info.job_seconds
        mean = seconds if not mean else (1 - WEIGHT) * mean + WEIGHT * seconds
        self._info = self._info._replace(job_seconds=round(mean, 3))

    def news(self) -> WorkerInfo | None:
        info = self.info
        return None if info == self._told and not self.models_are_news else info

    @property
    def models_are_news(self) -> bool:
        """Told again now and then: a pool forgets the models that nobody has told of for a day."""
        return self._info.models != self._told.models or time.monotonic() >= self._tell_models_at

    def told(self, info: WorkerInfo | None) -> None:
        """A beat that carried `info` was answered."""
        if info is not None and self.models_are_news:
            self._tell_models_at = time.monotonic() + TELL_MODELS_SECONDS
        self._told = info or self._told


def _is_named(model: ModelInfo) -> bool:
    return is_name(model.name)


def _about(model: ModelInfo) -> dict[str, object]:
    """Without what the engine does not tell of its file: most of it crosses the wire at each change."""
    about = model._asdict()
    del about["name"]
    return {word: value for word, value in about.items() if value or word not in FILE}
