"""The client of an engine with an HTTP interface: JSON answers, and answers that are read line by line as they arrive.

Every failure of the network becomes an `EngineError` here, and nowhere else:

    no server accepts a connection      → EngineUnavailable
    dropped, or the body ends too soon  → StreamCut
    no byte for `silence` seconds       → EngineSilent
    no HTTP, a redirect, compressed     → EngineFailed
    an answer larger than we read       → AnswerTooLarge
    a status of 400 or more             → the error that the engine's own `Faults` makes of status and text

An engine may be broken or hostile: every read has a bound, and no redirect is followed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson

from ollama_worker.engines.base import (
    EngineError,
    EngineFailed,
    EngineSilent,
    EngineUnavailable,
    StreamCut,
)
from ollama_worker.engines.http_body import LINE_BYTES, Lines, read_at_most
from wire.worker_info import MODELS_MOST

CONNECT_SECONDS = 5.0  # a machine that does not even accept a connection in this time is not there
QUICK_SECONDS = 10.0  # of silence, for requests that an engine answers from memory: version, lists
WHOLE_SECONDS = 30.0  # for all of such an answer: an answer that comes byte by byte is never silent
STALE_SECONDS = 1.0  # a kept connection that is closed fails within this time; a later failure had its request
ERROR_BYTES = 64 * 1024  # of an error's body; a sentence of it is used
JSON_BYTES = LINE_BYTES
VECTOR_BYTES = 256 * 1024  # of JSON for one embedding: 8,192 numbers of 32 characters
VECTORS_BYTES = 256 * 1024 * 1024  # for all embeddings of one job

Faults = Callable[[int, str], EngineError]


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
        # A compressed answer may grow a thousandfold, and costs time on a machine that the engine may well run on.
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        self._keep = keep
        self._session: aiohttp.ClientSession | None = None  # made on first use: it needs the running loop

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def get(self, path: str, faults: Faults) -> dict[str, Any]:
        """The answer to a quick request, for which the engine needs no model."""
        silence = min(QUICK_SECONDS, self._silence)
        async with self.answer("GET", path, faults, None, silence, WHOLE_SECONDS) as answer:
            return parse(await read_at_most(answer.content, JSON_BYTES))

    async def post(self, path: str, faults: Faults, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that answers another. The engine may take as long as `silence`: it may have to load a
        model."""
        inputs = body.get("input")  # each gets a vector
        most = min(len(inputs) * VECTOR_BYTES, VECTORS_BYTES) if isinstance(inputs, list | tuple) else JSON_BYTES
        most = max(most, JSON_BYTES)
        async with self.answer("POST", path, faults, body, self._silence) as answer:
            return parse(await read_at_most(answer.content, most))

    async def text(self, path: str, faults: Faults) -> bytes:
        """A good answer as it came, whatever it holds; it may take as long as `silence`."""
        async with self.answer("GET", path, faults, None, self._silence) as answer:
            return await read_at_most(answer.content, JSON_BYTES)

    @asynccontextmanager
    async def lines(self, path: str, faults: Faults, body: dict[str, Any]) -> AsyncIterator[Lines]:
        """Open a streamed answer. Leaving the block before the answer's end closes the connection, and so stops the
        engine."""
        async with self.answer("POST", path, faults, body, self._silence) as answer:
            yield Lines(answer.content)

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        path: str,
        faults: Faults,
        body: dict[str, Any] | None,
        silence: float,
        whole: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose status was good. Errors while it is read become `EngineError`s as well.

        `silence`: the longest time without a byte; `whole`: the longest time until the last byte. Seconds.
        """
        data = None if body is None else orjson.dumps(body)
        url, limits = self.base_url + path, timeout(silence, whole)
        with self._turned(silence):
            answer = await self._begun(method, url, data, limits)
            try:
                await self._check(answer, faults)
                yield answer
            finally:
                release(answer)

    async def _begun(
        self, method: str, url: str, data: bytes | None, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send the request, and again where a kept connection turns out to be closed: no job is charged for that."""
        while True:
            connection: dict[str, bool] = {}
            sent = time.monotonic()
            try:
                return await self._open().request(
                    method, url, data=data, timeout=limits, allow_redirects=False, trace_request_ctx=connection
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not connection or time.monotonic() - sent > STALE_SECONDS:
                    raise

    async def _check(self, answer: aiohttp.ClientResponse, faults: Faults) -> None:
        if 300 <= answer.status < 400:  # wherever it leads: the prompt goes to no address that was not set
            raise EngineFailed(
                f"{self._who} at {self.shown} sends us elsewhere (status {answer.status}), which is not followed: "
                "set the address that it leads to"
            )
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise EngineFailed(f"{self._who} at {self.shown} answers compressed, which it was asked not to")
        if answer.status >= 400:
            raise faults(answer.status, error_text(await read_at_most(answer.content, ERROR_BYTES, cut=True)))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit: the worker's slots are the limit. No total timeout: an answer may take as long as it goes on.
            connector = aiohttp.TCPConnector(limit=0, force_close=not self._keep)
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_kept)
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                trust_env=False,
                auto_decompress=False,
                trace_configs=[trace],
            )
        return self._session

    @contextmanager
    def _turned(self, silence: float) -> Iterator[None]:
        """Raise an `EngineError` for each error of aiohttp. No message holds the engine's own bytes."""
        place = f"{self._who} at {self.shown}"
        try:
            yield
        except aiohttp.ConnectionTimeoutError as error:  # before its base class, which is a silence
            raise EngineUnavailable(f"{place} did not accept a connection") from error
        except TimeoutError as error:
            hint = " (OLLAMA_TIMEOUT)" if silence == self._silence else ""
            raise EngineSilent(f"{self._who} said nothing for {silence:g} s{hint}") from error
        except aiohttp.InvalidURL as error:
            raise EngineUnavailable(f"{self.shown} is not an address that can be dialled") from error
        except aiohttp.ClientConnectorError as error:
            raise EngineUnavailable(f"Lost {place}: {reason(error)}") from error
        except aiohttp.ClientResponseError as error:
            raise EngineFailed(f"What answers for {place} does not keep to HTTP") from error
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
            raise StreamCut(f"Lost {place}: its answer broke off") from error
        except (aiohttp.ClientError, OSError) as error:
            raise StreamCut(f"Lost {place}: {reason(error)}") from error


async def _note_kept(_: aiohttp.ClientSession, context: Any, __: aiohttp.TraceConnectionReuseconnParams) -> None:
    context.trace_request_ctx["kept"] = True


def without_secret(url: str) -> str:
    """`http://user:password@host` → `http://host`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def timeout(silence: float, whole: float | None = None) -> aiohttp.ClientTimeout:
    """The limits of one request, in seconds. No total without `whole`: an answer may take as long as it goes on."""
    return aiohttp.ClientTimeout(total=whole, connect=None, sock_connect=CONNECT_SECONDS, sock_read=silence)


def release(answer: aiohttp.ClientResponse) -> None:
    """Return the connection to the pool when the answer was read to its end; else close it, so that the engine
    stops."""
    if answer.content.at_eof():
        answer.release()
    else:
        answer.close()


def reason(error: BaseException) -> str:
    """A short cause, such as `connection refused`: aiohttp's whole sentence would repeat the address."""
    number = getattr(error, "os_error", error)
    return getattr(number, "strerror", None) or str(error) or type(error).__name__


def parse(data: bytes) -> dict[str, Any]:
    """One JSON object. Raises `StreamCut` when it is incomplete: engines send no other kind of wrong JSON."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise StreamCut("The engine's answer broke off in the middle of a line") from error
    if not isinstance(value, dict):
        raise StreamCut("The engine answered something that is not a JSON object")
    return value


def fields_of(value: object) -> dict[str, Any]:
    """A part of an answer that should be an object; empty for any other value."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]] | None:
    """The objects in a part of an answer that should be a list of them; None where there is none."""
    return [part for part in value if isinstance(part, dict)] or None if isinstance(value, list) else None


def entries_by(name: str, value: object) -> list[dict[str, Any]]:
    """The entries of a list of models that have a name; of a longer list one more than a worker offers."""
    entries = objects_of(value) or []
    return [entry for entry in entries if isinstance(entry.get(name), str)][: MODELS_MOST + 1]


def text_of(value: object) -> str:
    """A part of an answer that should be text; "" for any other value."""
    return value if isinstance(value, str) else ""


def error_text(data: bytes) -> str:
    """The sentence in an error body: `{"error": text}` (Ollama), `{"error": {"message": text}}` (llama.cpp) or text."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode(errors="replace").strip()[:500]
    error = value.get("error", value) if isinstance(value, dict) else value
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]
