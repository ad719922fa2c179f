"""Which engine the workers get. Decided once, before they start, so that all agree and one progress bar is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ollama_worker.settings import WorkerSettings


class EngineRefused(Exception):
    """No engine can be used as it was asked for; the message says what to do."""


class EngineFound(NamedTuple):
    """What was found, and how to get a better one (`advice`, empty where there is none)."""

    kind: str
    detail: str
    advice: str = ""
    gguf: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What makes a worker use exactly this."""
        chosen = {"SLUICE_ENGINE": self.kind}
        return {**chosen, "SLUICE_GGUF": str(self.gguf)} if self.gguf else chosen


async def find_engine(settings: WorkerSettings, terminal: bool) -> EngineFound:
    return EngineFound(settings.engine, "not looked for yet")
