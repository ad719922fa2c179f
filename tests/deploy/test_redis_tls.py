"""`rediss://` as components/redis-tls writes it: an API and a worker that check the server's certificate."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.deploy.rendering import containers, environment, objects_of
from tests.support.child import free_port
from tests.support.house import House
from tests.support.processes import Worker
from tests.support.valkey import Valkey

NAMES = (
    "subjectAltName=DNS:redis,DNS:localhost,DNS:redis.sluice.svc\n"  # the names that the Secret's certificate is for
)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the Secret redis-tls: ca.crt, tls.crt, tls.key."""
    home = tmp_path_factory.mktemp("tls")
    (home / "names").write_text(NAMES)
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority",
        "req -newkey rsa:2048 -nodes -keyout tls.key -out asked -subj /CN=redis",
        "x509 -req -in asked -CA ca.crt -CAkey ca.key -CAcreateserial -out tls.crt -days 2 -extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=home, check=True, capture_output=True)
    return home


@contextmanager
def terminator(secret: Path, target: int) -> Iterator[int]:
    """A port that speaks TLS and passes on to `target` in the clear: the wheel's server has no TLS of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secret / "tls.crt", secret / "tls.key")
    loop, port, began = asyncio.new_event_loop(), free_port(), threading.Event()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", port, ssl=context):
            began.set()
            await ended.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert began.wait(5)
    yield port
    loop.call_soon_threadsafe(ended.set)
    thread.join(5)
    loop.close()


def url_of(name: str, port: int, secret: Path) -> str:
    """A container's REDIS_URL as rendered, less what only a cluster has: its host, its mount, its users."""
    objects = objects_of("tight")
    container = next(item for _, item in containers(objects) if item["name"] == name)
    url = environment(objects, container)["REDIS_URL"]
    assert url.startswith("rediss://")
    assert {"name": "redis-tls", "mountPath": "/run/redis-tls", "readOnly": True} in container["volumeMounts"]
    here = {f"{url[9:].partition('@')[0]}@": "", "redis:6379": f"localhost:{port}", "/run/redis-tls": str(secret)}
    for rendered, ours in here.items():
        url = url.replace(rendered, ours)
    return url


def test_a_chat_goes_through_a_queue_that_speaks_tls_only(tmp_path: Path, valkey: Valkey, secret: Path) -> None:
    with terminator(secret, valkey.port) as port:
        house = House(tmp_path, url_of("backend", port, secret), {})
        try:
            house.start_worker(REDIS_URL=url_of("worker", port, secret))
            house.start_api().wait_ready(workers=1)
            body = {"messages": [{"role": "user", "content": "!tokens 5"}], "stream": False}
            answer = httpx.post(f"{house.url}/api/chat", json=body, timeout=60)
            assert answer.status_code == 200 and answer.json()["message"]["content"], answer.text
        finally:
            house.stop()


async def test_a_server_of_another_authority_is_refused(tmp_path: Path, valkey: Valkey, secret: Path) -> None:
    with terminator(secret, valkey.port) as port:
        url = url_of("worker", port, secret).replace(str(secret / "ca.crt"), "/etc/ssl/certs/ca-certificates.crt")
        house = House(tmp_path, url, {})
        worker = Worker(tmp_path / "worker", house.env)
        worker.start()
        try:
            await worker.wait_for_action("link.failed", within=30, error="SSLCertVerificationError")
        finally:
            worker.stop()
