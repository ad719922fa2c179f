"""The door to an engine that speaks HTTP: JSON answers, and answers read as lines while they arrive.

What the network does to us becomes an `EngineError` here and nowhere else:

    refused, reset, no answer begun     → EngineUnavailable
    no byte for `silence` seconds       → EngineSilent
    body ends before its end            → StreamCut
    status of 400 or more               → whatever the engine's own `Faults` says of status and text
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson

from ollama_worker.engines.base import EngineError, EngineSilent, EngineUnavailable, StreamCut

CONNECT_SECONDS = 5.0  # a machine that does not even accept a connection in this time is not there
QUICK_SECONDS = 10.0  # for questions that an engine answers from memory: version, lists

Faults = Callable[[int, str], EngineError]


class Lines:
    """The lines of one streamed answer."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._rest = b""

    async def read(self) -> list[bytes]:
        """Wait for the next read that completes a line and return all whole, non-empty lines; `[]` at the end.

        What follows the last newline when the body ends is returned as a line too: a decoder will tell a cut one.
        """
        while chunk := await self._content.readany():
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if whole := [line for line in lines if line]:
                return whole
        last, self._rest = self._rest.strip(), b""
        return [last] if last else []


class EngineHttp:
    """A pool of connections to one engine. Lives in one event loop; `close` it at the end."""

    def __init__(
        self, base_url: str, who: str, silence: float, headers: dict[str, str] | None = None, keep: bool = True
    ) -> None:
        """`who` names the engine in messages; `silence` is in seconds; `keep`: use a connection again."""
        self.base_url = base_url
        self.shown = without_secret(base_url)  # for messages, logs and health
        self._who = who
        self._silence = silence
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._keep = keep
        self._session: aiohttp.ClientSession | None = None  # made on first use: it needs the running loop

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def get(self, path: str, faults: Faults) -> dict[str, Any]:
        """A quick question: what the engine knows without a model."""
        async with self.answer("GET", path, faults, None, min(QUICK_SECONDS, self._silence)) as answer:
            return parse(await answer.read())

    async def post(self, path: str, faults: Faults, body: dict[str, Any]) -> dict[str, Any]:
        """One JSON object for another; the engine may take as long as `silence`, since it may have to load a model."""
        async with self.answer("POST", path, faults, body, self._silence) as answer:
            return parse(await answer.read())

    @asynccontextmanager
    async def lines(self, path: str, faults: Faults, body: dict[str, Any]) -> AsyncIterator[Lines]:
        """Open a streamed answer. Leaving it before its end closes the connection: that is how an engine is stopped."""
        async with self.answer("POST", path, faults, body, self._silence) as answer:
            yield Lines(answer.content)

    @asynccontextmanager
    async def answer(
        self, method: str, path: str, faults: Faults, body: dict[str, Any] | None, silence: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose status was good. Errors while it is read are turned as well."""
        data = None if body is None else orjson.dumps(body)
        url = self.base_url + path
        with self._turned(EngineUnavailable, silence):
            answer = await self._open().request(method, url, data=data, timeout=timeout(silence))
        try:
            with self._turned(StreamCut, silence):
                if answer.status >= 400:
                    raise faults(answer.status, error_text(await answer.read()))
                yield answer
        finally:
            release(answer)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit: the worker's slots are the limit. No total timeout: an answer may take as long as it speaks.
            connector = aiohttp.TCPConnector(limit=0, force_close=not self._keep)
            self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, trust_env=False)
        return self._session

    @contextmanager
    def _turned(self, lost: type[EngineError], silence: float) -> Iterator[None]:
        """What aiohttp raises, as an `EngineError`: `lost` when the connection broke."""
        try:
            yield
        except aiohttp.ConnectionTimeoutError as error:  # before its base class, which is a silence
            raise EngineUnavailable(f"{self._who} at {self.shown} did not accept a connection") from error
        except aiohttp.ServerTimeoutError as error:
            hint = " (OLLAMA_TIMEOUT)" if silence == self._silence else ""
            raise EngineSilent(f"{self._who} said nothing for {silence:g} s{hint}") from error
        except aiohttp.InvalidURL as error:
            raise EngineUnavailable(f"{self.shown} is not an address that can be dialled") from error
        except (aiohttp.ClientError, OSError) as error:
            raise lost(f"Lost {self._who} at {self.shown}: {reason(error)}") from error


def without_secret(url: str) -> str:
    """`http://user:password@host` → `http://host`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def timeout(silence: float) -> aiohttp.ClientTimeout:
    """No total: an answer may take as long as it goes on speaking."""
    return aiohttp.ClientTimeout(total=None, connect=None, sock_connect=CONNECT_SECONDS, sock_read=silence)


def release(answer: aiohttp.ClientResponse) -> None:
    """Back to the pool when read to its end, else closed at once, so that the engine stops working on it."""
    if answer.content.at_eof():
        answer.release()
    else:
        answer.close()


def reason(error: BaseException) -> str:
    """A short cause, without addresses twice: `connection refused` and not aiohttp's whole sentence."""
    number = getattr(error, "os_error", error)
    return getattr(number, "strerror", None) or str(error) or type(error).__name__


def parse(data: bytes) -> dict[str, Any]:
    """One JSON object. Raises `StreamCut` when it is not whole: engines send no other kind of wrong JSON."""
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StreamCut("The engine's answer broke off in the middle of a line") from error
    if not isinstance(said, dict):
        raise StreamCut("The engine answered something that is not a JSON object")
    return said


def error_text(data: bytes) -> str:
    """The sentence in an error body: `{"error": text}` (Ollama), `{"error": {"message": text}}` (llama.cpp) or text."""
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode(errors="replace").strip()[:500]
    error = said.get("error", said) if isinstance(said, dict) else said
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]
