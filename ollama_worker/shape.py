"""What a worker reports of itself: engine, models, slots, GPUs, the tokens it has generated, how long its jobs take."""

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
from wire.outage import Outage, repeat
from wire.worker_info import MODELS_MOST, Gpu, WorkerInfo, is_model_name

REFRESH_SECONDS = 15.0
REPEAT_MODELS_SECONDS = 3600.0
WEIGHT = 0.3  # of the latest job in the mean: half of it is made of the last two
FILE = ("size", "size_vram", "digest", "details", "expires_at")  # of a model; left out where the engine reports none
log = structlog.get_logger()


class Meter:
    """Counts the tokens that this process generates, also those of jobs that never end. One addition a burst."""

    def __init__(self) -> None:
        self.tokens = 0


class Shape:
    """The description of this process, over all its lives. A beat carries `news()`: None where nothing changed."""

    def __init__(self, engine: Engine, slots: int, detail: str, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter
        self.slots = slots
        self._info = WorkerInfo(engine.name, {}, socket.gethostname(), detail=detail, tokens=0)
        self._sent = self._info
        self._repeat_models_at = time.monotonic() + REPEAT_MODELS_SECONDS
        self._left_out = 0
        self._looked = False  # since a beat last reported what is loaded
        self._doubts = asyncio.Event()

    @property
    def info(self) -> WorkerInfo:
        return self._info._replace(tokens=self._meter.tokens)

    async def keep_looking(self) -> None:
        """Read the engine's list of models now and then: others pull, load and unload models, and do not notify us."""
        await repeat(self._look_and_wait, Outage("The engine", "engine", (EngineError,)).part("looking at the engine"))

    async def _look_and_wait(self) -> None:
        await self.look()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._doubts.wait(), REFRESH_SECONDS)
        self._doubts.clear()

    def doubt(self) -> None:
        """An engine has failed: read its list of models now."""
        self._doubts.set()

    async def look(self) -> None:
        try:
            listed = await self._engine.store.models()
        except EngineError as error:
            log.debug("engine does not list its models", action="engine.models_failed", code=error.code)
            return
        except Exception:  # whatever the engine lists, this worker lives on, and reads the list again in a while
            log.exception("the list of models cannot be read", action="engine.models_failed")
            return
        models = {model.name: _about(model) for model in islice(filter(_is_named, listed), MODELS_MOST)}
        self._complain(len(listed) - len(models))
        self._info = self._info._replace(models=models)
        self._looked = True

    def _complain(self, left_out: int) -> None:
        """Log once for each number of models that are left out."""
        if left_out and left_out != self._left_out:
            log.warning("some of the models listed are left out", action="engine.models_left_out", count=left_out)
        self._left_out = left_out

    def loaded(self, in_use: Iterable[str]) -> set[str] | None:
        """The models in memory, with those that running jobs load; None where no look came since the last call.

        What a lost beat carried goes out again after the next look.
        """
        looked, self._looked = self._looked, False
        return {*self._info.loaded, *in_use} if looked else None

    def sees(self, gpus: tuple[Gpu, ...]) -> None:
        """The latest look at the machine's GPUs."""
        self._info = self._info._replace(gpus=gpus)

    def took(self, seconds: float) -> None:
        """A job has ended: weigh its time into the mean of which callers' ETA is made."""
        mean = self._info.job_seconds
        mean = seconds if not mean else (1 - WEIGHT) * mean + WEIGHT * seconds
        self._info = self._info._replace(job_seconds=round(mean, 3))

    def news(self) -> WorkerInfo | None:
        """What the next beat should carry; None where the pool knows it all."""
        info = self.info
        return None if info == self._sent and not self.models_are_news else info

    @property
    def models_are_news(self) -> bool:
        """Whether the next beat should carry the models. They are repeated each hour: a pool forgets a model that no
        worker has reported for a day."""
        return self._info.models != self._sent.models or time.monotonic() >= self._repeat_models_at

    def sent(self, info: WorkerInfo | None) -> None:
        """A beat that carried `info` was answered."""
        if info is not None and self.models_are_news:
            self._repeat_models_at = time.monotonic() + REPEAT_MODELS_SECONDS
        self._sent = info or self._sent


def _is_named(model: ModelInfo) -> bool:
    return is_model_name(model.name)


def _about(model: ModelInfo) -> dict[str, object]:
    """A model as the pool keeps it. What the engine does not report of its file is left out: most of a list crosses the
    wire at each change."""
    about = model._asdict()
    del about["name"]
    return {word: value for word, value in about.items() if value or word not in FILE}
