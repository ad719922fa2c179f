"""The spine: the files whose functions call each other, from a route's handler to the script in Redis.

docs/architecture.md lists them. A file that a function of the spine only consults (a door that reads, a gate, the
router, the answer cache) returns to the spine, and is beside it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import backend
from backend.app import create_app
from backend.settings import ApiSettings
from wire.jobs import JobPipe

CHAT = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
HOUSE = Path(backend.__file__).parents[1]


class App:
    """The API in this process, without a server and without a worker."""

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def post(self, path: str, body: bytes) -> dict[bytes, bytes]:
        """The headers of a 200. The caller goes away as soon as the response begins."""
        unread, sent, answered = [body], list[Any](), asyncio.Event()

        async def receive() -> dict[str, Any]:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            answered.set()

        head = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        place = {"method": "POST", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
        peers = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1"}
        scope = {"type": "http", "asgi": {"version": "3.0"}, "headers": head, "state": dict(self._state)}
        await self._app({**scope, **place, **peers}, receive, send)
        assert sent[0]["status"] == 200
        return dict(sent[0]["headers"])


@pytest.fixture
async def app(redis_url: str, tmp_path: Path) -> AsyncIterator[App]:
    settings = ApiSettings(
        REDIS_URL=redis_url, DATABASE_URL=f"sqlite:///{tmp_path}/history.db", MODEL_NAME="m", SLUICE_PAGE="off"
    )  # type: ignore[call-arg]
    made = create_app(settings)
    async with made.router.lifespan_context(made) as state:
        yield App(made, dict(state or {}))


def spine() -> list[str]:
    """The files of the house on the stack of the caller's caller, each once, from a route's handler on.

    [] where no handler is on the stack.
    """
    frame, files = sys._getframe(2), list[str]()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(HOUSE):
            files.insert(0, str(path.relative_to(HOUSE)))
        frame = frame.f_back  # type: ignore[assignment]  # None at the end
    handlers = [n for n, file in enumerate(files) if file.endswith("/endpoints.py")]
    return list(dict.fromkeys(files[handlers[0] :])) if handlers else []


@pytest.fixture
def spines(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """By the name of each script that a request has run: the files through which the request had come."""
    known: dict[str, list[str]] = {}
    run = JobPipe._run

    async def noted(self: JobPipe, name: str, *args: Any) -> object:
        if files := spine():
            known.setdefault(name, files)
        return await run(self, name, *args)

    monkeypatch.setattr(JobPipe, "_run", noted)
    return known


async def test_a_chat_and_a_cancel_pass_few_files_from_their_route_to_redis(
    app: App, spines: dict[str, list[str]]
) -> None:
    headers = await app.post("/v1/chat/completions", orjson.dumps(CHAT))
    assert spines["accept"] == [
        "backend/dialects/openai/endpoints.py",
        "backend/dialects/common/serving.py",
        "backend/chat/service.py",
        "backend/chat/admission.py",
        "wire/jobs.py",
    ]
    await app.post(f"/api/jobs/{headers[b'x-sluice-job'].decode()}/cancel", b"")
    assert spines["cancel"] == ["backend/dialects/native/endpoints.py", "backend/pool/pools.py", "wire/jobs.py"]
