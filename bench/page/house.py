"""A running house for a browser: Valkey, an API with the built page, a worker with the simulated engine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import insert

from backend.accounts.caller import LOCAL
from backend.store.address import address_of
from backend.store.database import Database
from backend.store.migrate import migrate
from backend.store.tables import messages, threads
from bench.page.site import FRONTEND, NotBuilt
from bench.processes import Crew, free_port
from sluice.address import wait_until_healthy
from sluice.valkey import embedded_valkey, fair_memory, wait_until_loaded

START = 60.0  # seconds within which the whole house must answer
PAGE = FRONTEND / "out"


class PageMessage(NamedTuple):
    """A message of a thread that was there before the page was opened."""

    role: str
    """`user` or `assistant`."""
    text: str


class PageThread(NamedTuple):
    """A thread that is written into the history before anything starts."""

    id: str
    title: str
    messages: list[PageMessage]


@contextmanager
def open_house(folder: Path, rate: int, history: list[PageThread]) -> Iterator[str]:
    """Yields the house's address. `rate`: tokens a second of an answer. Raises NotBuilt, NotStarted."""
    if not (PAGE / "index.html").exists():
        raise NotBuilt("frontend/out is missing: run `make page` first")
    database = address_of(None, folder)
    asyncio.run(write(database, history))
    with Crew(folder) as crew:
        yield _start(crew, folder, {"SLUICE_SIMULATED_RATE": str(rate), "DATABASE_URL": database})


def _start(crew: Crew, folder: Path, settings: dict[str, str]) -> str:
    child, redis = embedded_valkey(folder, crew.log("redis"), fair_memory())
    crew.start("redis", child.command)
    asyncio.run(asyncio.wait_for(wait_until_loaded(redis), START))
    port = free_port()
    env = {
        "REDIS_URL": redis,
        "SLUICE_ENGINE": "simulated",
        "SLUICE_SIMULATED_FAULTS": "1",  # prompts may order what the engine answers
        "SLUICE_PAGE_DIR": str(PAGE),
        "SLUICE_PORT": str(port),
        **settings,
    }
    crew.start("worker", [sys.executable, "-m", "ollama_worker"], env)
    crew.start("api", [sys.executable, "-m", "backend"], env)
    crew.wait_for_port("api", port)
    url = f"http://127.0.0.1:{port}"
    asyncio.run(asyncio.wait_for(wait_until_healthy(url), START))
    return url


async def write(url: str, history: list[PageThread]) -> None:
    """Writes the threads into a database that is made for them."""
    await migrate(url)
    database = Database(url)
    try:
        async with database.write() as tx:
            for thread in history:
                await tx.execute(insert(threads).values(_thread(thread)))
                await tx.execute(insert(messages), rows(thread))
    finally:
        await database.close()


def _thread(thread: PageThread) -> dict[str, Any]:
    who = {"tenant": LOCAL.tenant, "title_by": "person"}
    return {"id": thread.id, "title": thread.title, **who, "created_at": 1, "updated_at": len(thread.messages)}


def rows(thread: PageThread) -> list[dict[str, Any]]:
    """The rows of a thread's messages, in one branch: each message follows the message before it."""
    return [
        {
            **{"thread_id": thread.id, "id": f"m{n}", "parent_id": f"m{n - 1}" if n else None},
            **{"role": message.role, "text": message.text, "status": "complete", "created_at": n + 1},
        }
        for n, message in enumerate(thread.messages)
    ]
