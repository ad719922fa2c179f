"""Callers of `/api/threads` for tests: a house with a history on each kind of database, and requests as a page sends
them.

A module's fixtures are made of `history_house` and `visiting`; `KINDS` are the databases that every test runs on.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from backend.moments import now_ms
from backend.store.database import Database
from backend.store.migrate import migrate
from backend.store.words import fold
from backend.threads import repository
from tests.support.house import House, MakesHouse
from tests.support.postgres import run_apart
from tests.support.sse import Stream, open_stream
from tests.support.truth import Truth, truth_of
from tests.support.waiting import eventually

KINDS = ("sqlite", "postgresql")
FOREIGN = "somebody else"
STREAM = "/api/lc/chat/stream"
NEWS = {"X-Sluice-Events": "1", "X-Sluice-On-Disconnect": "continue"}
JOB = "x-sluice-job"
LONG = "!tokens 100000"  # an answer that no test waits for


def an_id() -> str:
    return str(uuid.uuid4())


def history_house(request: pytest.FixtureRequest, make: MakesHouse, **about: Any) -> House:
    """An API and a worker of 16 slots, with a migrated database of `request.param`'s kind. `about` goes to `make`."""
    if request.param == "sqlite":
        folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        url = f"sqlite:///{folders.mktemp('history')}/history.db"
    else:
        url = request.getfixturevalue("shared_postgres").new_database()
    run_apart(lambda: migrate(url))
    return make(DATABASE_URL=url, SLUICE_SLOTS="16", **about)


class Visitor:
    """One caller. `database` and `truth` read what lies behind the API."""

    def __init__(self, house: House, http: httpx.AsyncClient, database: Database, truth: Truth) -> None:
        self.house = house
        self.http = http
        self.database = database
        self.truth = truth

    async def thread(self, **fields: Any) -> str:
        """The id of a new thread."""
        answer = await self.http.post("/api/threads", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def messages(self, thread: str) -> dict[str, dict[str, Any]]:
        """The messages of a thread by their ids, in the API's order."""
        parsed = await self.get(f"/api/threads/{thread}/messages")
        return {message["id"]: message for message in parsed["messages"]}

    async def written(self, thread: str, parent: str | None, text: str, **more: Any) -> str:
        """Write a message into SQL past the API, as a turn and a recorder would have left it. Returns its id."""
        name = more.pop("id", an_id())
        row = {"role": "user", "status": "complete", "text": text, "created_at": now_ms(), **more}
        row |= {"thread_id": thread, "id": name, "parent_id": parent, "folded": fold(text)}
        async with self.database.write() as tx:
            await repository.add_message(tx, **row)
        return name

    async def foreign_thread(self) -> str:
        """A thread of another tenant, with one answer in it."""
        name, now = an_id(), now_ms()
        about = {"title": "Foreign words", "folded": "foreign words", "settings": {}, "archived": False}
        async with self.database.write() as tx:
            await repository.add_thread(tx, id=name, tenant=FOREIGN, created_at=now, updated_at=now, **about)
        await self.written(name, None, "foreign words", id="answer", role="assistant")
        return name

    def turn(self, thread: str, text: Any, parent: str | None = None, **named: Any) -> dict[str, Any]:
        """The body of a turn. `message`, `answer`: its ids, new ones where left out; the rest is configurable."""
        names = {"message_id": named.pop("message", an_id()), "answer_id": named.pop("answer", an_id())}
        configurable = {"thread_id": thread, "parent_id": parent, **names, **named}
        return {
            "input": {"messages": [{"type": "human", "content": text}]},
            "config": {"configurable": configurable},
        }

    @asynccontextmanager
    async def asking(self, body: dict[str, Any], **headers: str) -> AsyncIterator[Stream]:
        """A turn whose answer streams for as long as the block lasts, and goes on behind it."""
        async with open_stream(self.house.url + STREAM, body, headers={**NEWS, **headers}) as stream:
            assert stream.status == 200, await stream.body()
            yield stream

    async def ask(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        """One request whose whole answer is awaited."""
        return await self.http.post(STREAM, json=body, headers={**NEWS, **headers})

    async def until_status(self, thread: str, message: str, *statuses: str) -> dict[str, Any]:
        """The message, as soon as it has one of these states."""

        async def look() -> dict[str, Any] | None:
            there = (await self.messages(thread)).get(message)
            return there if there and there["status"] in statuses else None

        return await eventually(look, 15, f"message {message} is {' or '.join(statuses)}")


@asynccontextmanager
async def visiting(house: House) -> AsyncIterator[Visitor]:
    database = Database(house.env["DATABASE_URL"])
    try:
        async with (
            httpx.AsyncClient(base_url=house.url, timeout=20) as http,
            truth_of(house.redis_url, house.pool) as truth,
        ):
            yield Visitor(house, http, database, truth)
    finally:
        await database.close()
