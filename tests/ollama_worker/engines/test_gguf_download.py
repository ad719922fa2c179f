"""Fetching a model: resumed, checked, and quick to notice that there is no network."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from ollama_worker.engines import gguf_download
from ollama_worker.engines.gguf_download import DownloadFailed, download

MODEL = b"GGUF" + bytes(range(256)) * 40


class Hub:
    """A server of MODEL at /m.gguf. After `most` bytes of an answer it hangs up, once they were `received`."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.body = MODEL
        self.most = len(MODEL)
        self.ranges = True
        self.announced = True
        self.shifted = 0  # bytes by which the part that it sends is shifted
        self.wanted: list[str] = []
        self.received = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range", "")
        self.wanted.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.ranges else 0
        if start >= len(self.body):
            return web.Response(status=416)
        data = self.body[start:]
        fields = {"Content-Length": str(len(data))} if self.announced else {}
        if start:
            fields["Content-Range"] = f"bytes {start + self.shifted}-{len(self.body) - 1}/{len(self.body)}"
        answer = web.StreamResponse(status=206 if start else 200, headers=fields)
        await answer.prepare(request)
        await answer.write(data[: self.most])
        if len(data) > self.most and request.transport:
            await self.received.wait()
            request.transport.abort()
        return answer


async def lead(request: web.Request) -> web.Response:
    """A redirect to the file in so many steps, by the machine's other name."""
    left = int(request.match_info["times"]) - 1
    place = f"/led/{left}/m.gguf" if left else "/m.gguf"
    return web.Response(status=302, headers={"Location": f"http://localhost:{request.url.port}{place}"})


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    app = web.Application()
    app.router.add_get("/m.gguf", hub.serve)
    app.router.add_get("/led/{times}/m.gguf", lead)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.port = runner.addresses[0][1]
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


async def test_a_download_fetches_and_reports_progress(hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    target = await download(hub.url, tmp_path / "models", lambda done, total: steps.append((done, total)))
    assert (target.name, target.read_bytes()) == ("m.gguf", MODEL)
    assert steps[0] == (0, len(MODEL)) and steps[-1] == (len(MODEL), len(MODEL))


async def test_a_download_that_only_reads_the_size_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    def look(done: int, total: int) -> None:
        raise LookupError(total)

    with pytest.raises(LookupError, match=str(len(MODEL))):
        await download(hub.url, tmp_path / "data" / "models", look)
    assert names_in(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_named(hub: Hub) -> None:
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
    assert hub.wanted[1] == "bytes=1000-"
    assert names_in(tmp_path) == ["m.gguf"]


async def test_a_server_that_cannot_resume_sends_all_again(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(MODEL[:500])
    hub.ranges = False
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_a_download_that_only_lacked_its_last_step_is_finished(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(MODEL)
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_two_processes_never_write_the_same_file(hub: Hub, tmp_path: Path) -> None:
    with locked(tmp_path / "m.part"), pytest.raises(DownloadFailed, match="Another process"):
        await download(hub.url, tmp_path, quiet)
    assert (await download(hub.url, tmp_path, quiet)).read_bytes() == MODEL


async def test_a_page_is_not_a_model(hub: Hub, tmp_path: Path) -> None:
    hub.body = b"<html>please log in</html>"
    with pytest.raises(DownloadFailed, match="not a GGUF"):
        await download(hub.url, tmp_path, quiet)
    assert names_in(tmp_path) == []


async def test_a_machine_without_a_server_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are accepted and never answered: the worst kind of offline."""
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
    assert min(took) < 1, took  # a loaded machine makes it longer, never shorter
    server.close()


async def test_another_file_than_the_digest_s_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    digest = hashlib.sha256(MODEL).hexdigest()
    for wanted in (digest, digest.upper()):
        assert (await download(hub.url, tmp_path, quiet, wanted)).read_bytes() == MODEL
    hub.body = MODEL[:-1] + b"!"
    with pytest.raises(DownloadFailed, match=f"its SHA-256 is {hashlib.sha256(hub.body).hexdigest()}"):
        await download(hub.url, tmp_path / "other", quiet, digest)
    assert names_in(tmp_path / "other") == []


async def test_a_download_logs_its_redirects(hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    led = hub.url.replace("/m.gguf", "/led/{}/m.gguf")
    assert (await download(led.format(2), tmp_path, quiet)).read_bytes() == MODEL
    out = capfd.readouterr().out
    assert "model.led" in out and "127.0.0.1" in out and "localhost" in out
    with pytest.raises(DownloadFailed, match="led on more than 5 times"):
        await download(led.format(9), tmp_path / "far", quiet)


def test_nothing_is_taken_that_was_led_out_of_https() -> None:
    step = SimpleNamespace(url=URL("https://hub.example/m.gguf"))
    answer: Any = SimpleNamespace(history=(step,), url=URL("http://cdn.example/m.gguf"))
    with pytest.raises(DownloadFailed, match="from https to http"):
        gguf_download._check_redirects(answer)


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_the_disk_has_room_for_is_not_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    hub.announced = announced
    monkeypatch.setattr(gguf_download, "_room", lambda part: len(MODEL) - 1)
    with pytest.raises(DownloadFailed, match="room for"):
        await download(hub.url, tmp_path, quiet)
    assert (tmp_path / "m.part").stat().st_size < len(MODEL)


async def test_a_part_of_the_file_that_was_not_missing_is_not_appended(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(MODEL[:1000])
    hub.shifted = 7
    with pytest.raises(DownloadFailed, match="another part"):
        await download(hub.url, tmp_path, quiet)
    assert (tmp_path / "m.part").read_bytes() == MODEL[:1000]
