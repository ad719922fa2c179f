"""The scripted engine as a process of a test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.child import Child, free_port
from tests.support.processes import clean_environment
from tests.support.waiting import eventually, wait_until

CHAT, PLAIN, EMBED = "scripted:1b", "scripted-plain:1b", "scripted-embed:1b"


class ScriptedEngine(Child):
    """`python -m bench.scripted_engine` on a free port of `host`. `rate`: tokens a second of each answer."""

    def __init__(self, home: Path, rate: float = 400.0, host: str = "127.0.0.1") -> None:
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        words = ["-m", "bench.scripted_engine", "--host", host, "--port", str(port), "--rate", str(rate)]
        super().__init__("engine", [sys.executable, *words], clean_environment(), home)
        self.url = f"http://{host}:{port}"

    def start(self) -> None:
        super().start()
        wait_until(self._answers, 20, "the scripted engine answers")

    async def entries(self, prompt: str) -> list[dict[str, Any]]:
        """The requests whose prompt contains this text, the oldest first."""
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.get(f"{self.url}/scripted/book", params={"prompt": prompt})
        entries: list[dict[str, Any]] = response.json()
        return entries

    async def until(self, prompt: str, state: str, within: float = 10) -> None:
        """Waits until the newest request of this prompt is `answering`, `done`, `closed`, `refused` or `broken`."""

        async def look() -> bool | None:
            entries = await self.entries(prompt)
            return bool(entries and entries[-1]["state"] == state) or None

        await eventually(look, within, f"the engine has {prompt!r} {state}")

    def _answers(self) -> bool:
        assert self.alive, self.tail()
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False
