"""Fetching a model: resumed, checked, and quick to notice that there is no network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ollama_worker.engines import gguf_download
from ollama_worker.engines.gguf_download import DownloadFailed, download

MODEL = b"GGUF" + bytes(range(256)) * 40


class Hub:
    """Serves MODEL at /m.gguf; `most` bytes an answer, then it hangs up, once they were `received`."""

    def __init__(self) -> None:
        self.url = ""
        self.body = MODEL
        self.most = len(MODEL)
        self.ranges = True
        self.asked: list[str] = []
        self.received = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.ranges else 0
        if start >= len(self.body):
            return web.Response(status=416)
        data = self.body[start:]
        answer = web.StreamResponse(status=206 if start else 200, headers={"Content-Length": str(len(data))})
        await answer.prepare(request)
        await answer.write(data[: self.most])
        if len(data) > self.most and request.transport:
            await self.received.wait()
            request.transport.abort()
        return answer


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    app = web.Application()
    app.router.add_get("/m.gguf", hub.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/m.gguf"
    yield hub
    await runner.cleanup()


def quiet(completed: int, total: int) -> None:
    pass


@contextmanager
def locked(part: Path) -> Iterator[None]:
    with part.open("ab") as file:
        gguf_download.lock(file)
        yield


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_it_fetches_and_reports(hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    target = await download(hub.url, tmp_path / "models", lambda done, total: steps.append((done, total)))
    assert (target.name, target.read_bytes()) == ("m.gguf", MODEL)
    assert steps[0] == (0, len(MODEL)) and steps[-1] == (len(MODEL), len(MODEL))


async def test_who_only_looks_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    def look(done: int, total: int) -> None:
        raise LookupError(total)

    with pytest.raises(LookupError, match=str(len(MODEL))):
        await download(hub.url, tmp_path / "data" / "models", look)
    assert names_in(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_said(hub: Hub) -> None:
    with pytest.raises(DownloadFailed, match="Not a directory"):
        await download(hub.url, Path("/dev/null/models"), quiet)


async def test_a_broken_off_download_is_never_taken_for_whole_and_is_resumed(hub: Hub, tmp_path: Path) -> None:
    hub.most = 1000
    with pytest.raises(DownloadFailed):
        await download(hub.url, tmp_path, lambda done, total: hub.received.set() if done else None)
    assert names_in(tmp_path) == ["m.part"]
    hub.most = len(MODEL)
    target = await download(hub.url, tmp_path, quiet)
    assert target.read_bytes() == MODEL
    assert hub.asked[1] == "bytes=1000-"
    assert names_in(tmp_path) == ["m.gguf"]


async def test_a_server_that_cannot_resume_sends_all_again(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(MODEL[:500])
    hub.ranges = False
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_a_download_that_only_lacked_its_last_step_is_finished(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(MODEL)
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_two_processes_never_write_one_file(hub: Hub, tmp_path: Path) -> None:
    with locked(tmp_path / "m.part"), pytest.raises(DownloadFailed, match="Another process"):
        await download(hub.url, tmp_path, quiet)
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_a_page_is_not_a_model(hub: Hub, tmp_path: Path) -> None:
    hub.body = b"<html>please log in</html>"
    with pytest.raises(DownloadFailed, match="not a GGUF"):
        await download(hub.url, tmp_path, quiet)
    assert names_in(tmp_path) == []


async def test_nobody_there_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are accepted and nothing is ever said: the worst kind of offline."""
    monkeypatch.setattr(gguf_download, "OFFLINE_SECONDS", 0.1)

    hung_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    took = []
    for _ in range(3):
        hung_up.clear()
        since = time.monotonic()
        with pytest.raises(DownloadFailed, match="nobody answered"):
            await download(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/m.gguf", tmp_path, quiet)
        took.append(time.monotonic() - since)
        await asyncio.wait_for(hung_up.wait(), 10)
    assert min(took) < 1, took  # a loaded machine adds to it, and takes nothing off
    server.close()
