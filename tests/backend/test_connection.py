"""One connection, byte by byte: offers to upgrade, trailers, HTTP/1.0, and clients that stop half-way."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import structlog
import uvicorn
from starlette.types import Receive, Scope, Send

from backend.entrance import connection, descriptors
from backend.entrance.connection import Connection
from backend.entrance.descriptors import Descriptors
from backend.process import config_of
from backend.settings import ApiSettings

# Seconds that a client which stops is given in these tests: it needs some time to send what it sends.
SOON = 1.0
SOONER = 0.2  # the same, for a client that sends everything in one piece
PIECE = b'{"a": "' + b"x" * 200 + b'"}'


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers with what it got. `/silent` answers once the path is set free; `/stream` in two pieces."""
    body = b""
    if scope["path"] == "/unread":
        await asyncio.sleep(3 * SOONER)
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * SOONER)
    headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    parsed = {"method": scope["method"], "path": scope["path"], "headers": headers, "body": body.decode()}
    parsed |= {"client": scope["client"][0], "scheme": scope["scheme"]}
    raw = json.dumps(parsed).encode()
    length = [] if scope["path"] == "/stream" else [(b"content-length", b"%d" % len(raw))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": raw[:20], "more_body": True})
    await send({"type": "http.response.body", "body": raw[20:]})


@asynccontextmanager
async def serving(config: uvicorn.Config | None = None) -> AsyncIterator[int]:
    """The port of a server of `Connection`s."""
    made: Any = partial(Connection, room=Descriptors())
    config = config or uvicorn.Config(echo, port=0, http=made, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


class Line(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0)

    async def answer(self) -> tuple[bytes, Any]:
        """An answer's head, and its body of known length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return await self.answer()
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head, json.loads(await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """Everything until the connection is closed."""
        async with asyncio.timeout(30):
            return await self.reader.read()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving() as port:
        yield port


@pytest.fixture
async def line(port: int) -> AsyncIterator[Line]:
    async with connected(port) as line:
        yield line


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield line
    finally:
        line.writer.close()


def post(*headers: bytes, path: bytes = b"/", body: bytes = PIECE, version: bytes = b"1.1") -> bytes:
    """A request with the length of its body, unless a header announces chunks."""
    chunked = any(header.lower().startswith(b"transfer-encoding") for header in headers)
    parsed = () if chunked else (b"Content-Length: %d" % len(body),)
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    return b"\r\n".join([b"POST %b HTTP/%b" % (path, version), b"Host: localhost", *headers, *parsed, b"", sent])


# -- offers to upgrade -------------------------------------------------------------------------------------------

JDK = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
WEBSOCKET = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: AA==",
    b"Sec-WebSocket-Version: 13",
)
CHUNKED = (*JDK, b"Transfer-Encoding: chunked")
OFFERS = {"h2c": JDK, "h2c, in chunks": CHUNKED, "websocket": WEBSOCKET}


@pytest.mark.parametrize("name", OFFERS)
async def test_an_offer_to_upgrade_is_ignored_and_the_body_is_read(line: Line, name: str) -> None:
    await line.send(post(*OFFERS[name]))
    head, parsed = await line.answer()
    assert head.startswith(b"HTTP/1.1 200 ") and parsed["body"] == PIECE.decode()
    names = [name for name, _ in parsed["headers"]]
    assert "upgrade" not in names and "http2-settings" not in names and names.count("host") == 1
    kept = dict(parsed["headers"])["connection"]
    assert "pgrade" not in kept and "ettings" not in kept


@pytest.mark.parametrize("name", OFFERS)
@pytest.mark.parametrize("size", [1, 7, 64])
async def test_an_offer_is_ignored_however_its_request_is_cut(line: Line, name: str, size: int) -> None:
    whole = post(*OFFERS[name])
    await line.send(*(whole[start : start + size] for start in range(0, len(whole), size)))
    assert (await line.answer())[1]["body"] == PIECE.decode()


async def test_requests_behind_an_offer_are_answered_on_the_same_connection(line: Line) -> None:
    await line.send(
        post(*JDK, path=b"/1") + post(path=b"/2") + post(*CHUNKED, path=b"/3") + post(*WEBSOCKET, path=b"/4")
    )
    assert [(await line.answer())[1]["path"] for _ in range(4)] == ["/1", "/2", "/3", "/4"]
    await line.send(b"GET /5 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert (await line.answer())[1]["path"] == "/5"


async def test_many_offers_in_one_piece_are_all_answered(line: Line) -> None:
    await line.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" * 700)
    for _ in range(700):
        assert (await line.answer())[1]["method"] == "GET"


async def test_a_client_that_waits_for_100_continue_may_make_an_offer_too(line: Line) -> None:
    head, _, body = post(*JDK, b"Expect: 100-continue").partition(b"\r\n\r\n")
    await line.send(head + b"\r\n\r\n")
    assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    await line.send(body)
    assert (await line.answer())[1]["body"] == PIECE.decode()


async def test_an_offer_smuggles_nothing(line: Line) -> None:
    """Two lengths stay an error; a method without a path is refused."""
    await line.send(post(*JDK, b"Transfer-Encoding: chunked", b"Content-Length: 3"))
    assert (await line.rest()).startswith(b"HTTP/1.1 400 ")


async def test_curl_that_offers_http_2_is_answered(port: int) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "this test needs curl"
    requested = [curl, "--silent", "--http2", f"http://127.0.0.1:{port}/", "--data", PIECE.decode()]
    process = await asyncio.create_subprocess_exec(*requested, stdout=asyncio.subprocess.PIPE)
    parsed, _ = await process.communicate()
    assert json.loads(parsed)["body"] == PIECE.decode()


# -- trailers, HTTP/1.0 ------------------------------------------------------------------------------------------


async def test_trailers_never_become_headers(line: Line) -> None:
    trailers = b"Host: evil.example\r\nContent-Type: text/plain\r\nX-Request-ID: mine\r\nX-Sluice-Pace: 1\r\n\r\n"
    await line.send(post(b"Transfer-Encoding: chunked", b"X-Request-ID: theirs", path=b"/slow")[:-2] + trailers)
    headers = dict((await line.answer())[1]["headers"])
    assert headers == {"host": "localhost", "transfer-encoding": "chunked", "x-request-id": "theirs"}


@pytest.mark.parametrize("path", [b"/stream", b"/"])
async def test_an_answer_in_http_1_0_has_no_chunks(line: Line, path: bytes) -> None:
    await line.send(post(path=path, version=b"1.0"))
    head, _, body = (await line.rest()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head and b"connection: close" in head
    assert json.loads(body)["body"] == PIECE.decode()


async def test_an_answer_in_http_1_1_of_no_known_length_has_chunks(line: Line) -> None:
    await line.send(post(b"Connection: close", path=b"/stream"))
    assert b"transfer-encoding: chunked" in await line.rest()


# -- clients that stop half-way ----------------------------------------------------------------------------------

HALF_HEAD = b"POST / HTTP/1.1\r\nHost: local"
HALF_BODY = post()[:-50]
STOPS = {
    "before a request": (b"", b""),
    "in the first line": (b"G", b"HTTP/1.1 408 "),
    "in a head": (HALF_HEAD, b"HTTP/1.1 408 "),
    "in a body": (HALF_BODY, b"HTTP/1.1 408 "),
    "in chunks": (post(b"Transfer-Encoding: chunked")[:-20], b"HTTP/1.1 408 "),
    "in a body behind an offer": (post(*JDK)[:-50], b"HTTP/1.1 408 "),
    "between empty lines": (b"\r\n\r\n", b""),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(connection, "BODY_SECONDS", SOON)


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.usefixtures("impatient")
async def test_the_connection_of_a_client_that_stops_is_closed(line: Line, name: str) -> None:
    sent, parsed = STOPS[name]
    await line.send(sent)
    rest = await line.rest()
    assert rest.startswith(parsed) and bool(rest) == bool(parsed)


@pytest.mark.usefixtures("impatient")
async def test_the_connection_of_a_client_that_stops_in_its_second_request_is_closed_too(line: Line) -> None:
    await line.send(post())
    await line.answer()
    await line.send(HALF_HEAD)
    assert (await line.rest()).startswith(b"HTTP/1.1 408 ")


async def test_the_connection_stays_open_for_a_slow_answer_and_for_a_body_that_the_app_does_not_read_yet(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BODY_SECONDS", SOONER)
    large = b"x" * 300_000
    for request, body in ((post(path=b"/slow"), PIECE), (post(path=b"/unread", body=large), large)):
        async with connected(port) as line:
            await line.send(request)
            assert (await line.answer())[1]["body"] == body.decode()


@pytest.mark.parametrize("asks", ["Expect: 100-continue", "X-Any: 1"])
async def test_the_client_of_a_body_that_the_app_reads_late_has_the_whole_time(asks: str) -> None:
    """The app begins to read just before the client would be late: what the client sends then is in time."""
    made: list[Connection] = []
    read = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await read.wait()
        connection = made[0]
        connection._since -= 2 * connection._limit  # type: ignore[operator]  # for so long the app has not read
        length, reading = 0, True
        while reading:
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            if connection._timer is not None and connection._limit is not None:
                connection._timer.cancel()
                connection._look()
            message = await task
            length, reading = length + len(message["body"]), message.get("more_body", False)
        raw = json.dumps({"body": length}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(raw))]})
        await send({"type": "http.response.body", "body": raw})

    async with serving(remembered(late, made)) as port, connected(port) as line:
        head, _, body = post(asks.encode(), body=b"x" * 300_000).partition(b"\r\n\r\n")
        line.writer.write(head + b"\r\n\r\n" + (b"" if "Expect" in asks else body))
        await until(partial(has_begun, made))
        read.set()
        if "Expect" in asks:
            assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            line.writer.write(body)
        assert (await line.answer())[1]["body"] == 300_000


def remembered(app: Any, made: list[Connection]) -> uvicorn.Config:
    """A server of this app whose connections are in `made`."""

    def making(*args: Any, **kwargs: Any) -> Connection:
        made.append(Connection(*args, room=Descriptors(), **kwargs))
        return made[-1]

    return uvicorn.Config(app, port=0, http=making, ws="none", lifespan="off", log_config=None)  # type: ignore[arg-type]


async def has_begun(made: list[Connection]) -> bool:
    """Whether the connection's first request has a limit for its body, and waits for the app."""
    return bool(made and made[0].cycle) and made[0]._waits_for_us()


async def test_a_body_that_comes_slowly_is_read() -> None:
    """Nine tenths of the client's time pass before each of nine bytes."""
    made: list[Connection] = []
    whole = post()
    async with serving(remembered(echo, made)) as port, connected(port) as line:
        await line.send(whole[:-9])
        await until(partial(in_a_body, made))
        for place in range(len(whole) - 9, len(whole)):
            late = made[0]._since = made[0].loop.time() - 0.9 * connection.BODY_SECONDS
            made[0]._look()
            await line.send(whole[place : place + 1])
            await until(partial(heard_since, made[0], late))
        assert (await line.answer())[1]["body"] == PIECE.decode()


async def in_a_body(made: list[Connection]) -> bool:
    """Whether the connection's first request has a body that is not there yet."""
    return bool(made and made[0].cycle) and made[0]._limit == connection.BODY_SECONDS


async def heard_since(connection: Connection, moment: float) -> bool:
    return connection._since > moment


# -- descriptors -------------------------------------------------------------------------------------------------


async def test_connections_beyond_the_descriptors_are_refused_and_logged_and_the_others_are_served(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(port) as first:
        monkeypatch.setattr(descriptors, "resource", of_limit(8))
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        with structlog.testing.capture_logs() as logged:
            for _ in range(3):
                async with connected(port) as refused:
                    assert (await refused.rest()).startswith(b"HTTP/1.1 503 ")
        assert [line["action"] for line in logged] == ["connections.full"]
        await first.send(post())
        assert (await first.answer())[1]["body"] == PIECE.decode()
        for _, writer in others:
            writer.close()
            await writer.wait_closed()
    await until(lambda: served(port))


def of_limit(soft: int) -> Any:
    return SimpleNamespace(getrlimit=lambda _: (soft, soft), RLIMIT_NOFILE=0, RLIM_INFINITY=-1)


async def served(port: int) -> bool:
    async with connected(port) as line:
        await line.send(post(b"Connection: close"))
        return (await line.rest()).startswith(b"HTTP/1.1 200 ")


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.01)


def test_the_soft_limit_of_descriptors_is_raised_as_far_as_the_hard_one_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[tuple[int, int]] = []

    def limited(soft: int, hard: int) -> Any:
        def setrlimit(_: int, limits: tuple[int, int]) -> None:
            requested.append(limits)

        return SimpleNamespace(getrlimit=lambda _: (soft, hard), setrlimit=setrlimit, RLIMIT_NOFILE=0, RLIM_INFINITY=-1)

    for soft, hard in ((1_024, 4_096), (256, -1), (1_024, 1_048_576), (65_536, 1_048_576), (-1, -1)):
        monkeypatch.setattr(descriptors, "resource", limited(soft, hard))
        descriptors.raise_limit()
    assert requested == [(4_096, 4_096), (65_536, -1), (65_536, 1_048_576)]


# -- proxies -----------------------------------------------------------------------------------------------------

FORWARDED = (b"X-Forwarded-For: 203.0.113.7", b"X-Forwarded-Proto: https")


async def client_of(line: Line) -> tuple[str, str]:
    """The client's address and the scheme, as the app sees them."""
    await line.send(post(*FORWARDED))
    parsed = (await line.answer())[1]
    return parsed["client"], parsed["scheme"]


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ("", ("127.0.0.1", "http")),
        ("192.0.2.0/24", ("127.0.0.1", "http")),
        ("127.0.0.1", ("203.0.113.7", "https")),
        ("127.0.0.0/8", ("203.0.113.7", "https")),
        ("*", ("203.0.113.7", "https")),
    ],
)
async def test_forwarded_headers_are_believed_from_trusted_proxies_alone(
    monkeypatch: pytest.MonkeyPatch, trusted: str, seen: tuple[str, str]
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    settings = ApiSettings(_env_file=None, SLUICE_TRUSTED_PROXIES=trusted)  # type: ignore[call-arg]
    made = config_of(settings)
    config = uvicorn.Config(
        echo,
        port=0,
        lifespan="off",
        log_config=None,
        http=made.http,
        ws=made.ws,
        proxy_headers=made.proxy_headers,
        forwarded_allow_ips=made.forwarded_allow_ips,
    )
    async with serving(config) as port, connected(port) as line:
        assert await client_of(line) == seen


@pytest.mark.parametrize("wrong", ["localhost", "10.0.0.0/33", "proxy.example"])
def test_a_trusted_proxy_is_an_address_or_a_network(wrong: str) -> None:
    with pytest.raises(ValueError, match="SLUICE_TRUSTED_PROXIES"):
        ApiSettings(_env_file=None, SLUICE_TRUSTED_PROXIES=wrong)  # type: ignore[call-arg]
