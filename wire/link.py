"""One pipelined connection to Redis as an asyncio.Protocol, for the path of each token.

redis-py spends 20 to 36 µs on a message or a call; this spends about 4. It is used for the two paths that run per
token, fenced emits (`writer.py`) and the fan-in of live events (`reader.py`), and for nothing else.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import hiredis
import structlog
from redis._parsers.base import BaseParser
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

CONNECT_SECONDS = 2.0
RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SILENCE_SECONDS = 5.0  # no byte although a reply is due: the connection is dead even if TCP does not report it


log = structlog.get_logger()


FORESEEN = (OSError, TimeoutError, RedisError, hiredis.HiredisError)


class LinkLost(ConnectionError):
    """The connection broke before the reply came. The command may have run or not."""


def redis_error(reply: str) -> RedisError:
    """An error reply as the exception that redis-py raises for it, so that `except RedisError` catches it."""
    return cast(RedisError, BaseParser.parse_error(reply))  # type: ignore[no-untyped-call]


class Resp(asyncio.Protocol):
    """A RESP2 connection. `call` returns the future of its reply, in order; an error reply is raised from it."""

    def __init__(self) -> None:
        self._parser = hiredis.Reader(replyError=redis_error)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self.heard = self._loop.time()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def call(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or self.lost.done():
            reply.set_exception(LinkLost("not connected"))
            return reply
        self._waiting.append(reply)
        self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]
        return reply

    def send(self, *command: str | bytes | int) -> None:
        """Write a command that has no reply of its own (SUBSCRIBE, UNSUBSCRIBE)."""
        if self._transport is not None:
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports do not inherit from it

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        self._parser.feed(data)
        while (reply := self._parser.gets()) is not False:
            self.received(reply)

    def received(self, reply: Any) -> None:
        if not self._waiting:  # no call waits for it: a subscription that is refused, for example
            log.warning("Redis sent a reply to no command", action="link.unasked", kind=type(reply).__name__)
            return
        waiting = self._waiting.popleft()
        if waiting.done():  # its caller was cancelled
            return
        if isinstance(reply, RedisError):
            waiting.set_exception(reply)
        else:
            waiting.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(LinkLost("connection to Redis lost"))
        self._waiting.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def silent(self) -> bool:
        """A reply is due, and no byte has come for SILENCE_SECONDS."""
        return bool(self._waiting) and self._loop.time() - self.heard > SILENCE_SECONDS


P = TypeVar("P", bound=Resp)


class Link(Generic[P]):
    """Keeps one connection of protocol `P` open. `run` it as a task; `up` is set while it is connected."""

    def __init__(self, url: str, protocol: Callable[[], P], greet: Callable[[P], Any] | None = None) -> None:
        self._url = url
        self._protocol = protocol
        self._greet = greet
        self.up = asyncio.Event()
        self.connection: P | None = None
        self._failures = 0

    async def run(self) -> None:
        """Connect, greet, serve until lost, connect again; ends only by cancellation."""
        while True:
            try:
                await self._serve()
                pause = RETRY_SECONDS[0]
            except Exception as error:  # also an unforeseen one: all streams of this process share this connection
                pause = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
                self._failed(error)
            await asyncio.sleep(pause)

    def _failed(self, error: Exception) -> None:
        """Log the first failure; the return of the connection is logged once, too."""
        if not self._failures:
            unforeseen = None if isinstance(error, FORESEEN) else error
            kind = type(error).__name__
            log.warning("cannot connect to Redis, trying again", action="link.failed", error=kind, exc_info=unforeseen)
        self._failures += 1

    def _connected(self, connection: P) -> None:
        if self._failures:
            log.info("connected to Redis again", action="link.back", tries=self._failures + 1)
        self._failures = 0
        self.connection = connection
        self.up.set()

    async def _serve(self) -> None:
        connection = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await dial(self._url, self._protocol)
                if self._greet is not None:
                    await self._greet(connection)
            self._connected(connection)
            await self._watch(connection)
            log.warning("connection to Redis lost", action="link.lost")
        finally:
            self.connection = None
            self.up.clear()  # also at the end of this task: a waiter must not take the connection to be there for ever
            if connection is not None:
                connection.abort()

    async def _watch(self, connection: P) -> None:
        """Ping once a second, which also notices a connection that was never closed (a cut cable, a stopped server)."""
        while not connection.lost.done():
            await asyncio.wait([connection.lost], timeout=1.0)
            if connection.silent:
                return
            connection.call("PING").add_done_callback(_retrieved)


def _retrieved(reply: asyncio.Future[Any]) -> None:
    """No caller awaits a ping: read its error, so that asyncio does not report it as forgotten."""
    if not reply.cancelled():
        reply.exception()


async def dial(url: str, protocol: Callable[[], P]) -> P:
    """Connect, authenticate and select the database. TCP, TLS (`rediss://`) or a unix socket."""
    loop = asyncio.get_running_loop()
    where: dict[str, Any] = dict(parse_url(url))
    if "path" in where:
        _, connection = await loop.create_unix_connection(protocol, where["path"])
    else:
        _, connection = await loop.create_connection(
            protocol, where.get("host", "127.0.0.1"), where.get("port", 6379), ssl=_tls(url)
        )
    try:
        await _log_in(connection, where)
    except BaseException:  # also for a server that accepts and never answers: each try would leave a connection open
        connection.abort()
        raise
    return connection


async def _log_in(connection: Resp, where: dict[str, Any]) -> None:
    if where.get("password"):
        user = [where["username"]] if where.get("username") else []
        await connection.call("AUTH", *user, where["password"])
    if where.get("db"):
        await connection.call("SELECT", where["db"])


def _tls(url: str) -> ssl.SSLContext | None:
    """Certificates are checked unless the URL says `ssl_cert_reqs=none`, as redis-py does."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
