"""The door to an engine that speaks HTTP: JSON answers, and answers read as lines while they arrive.

What the network does to us becomes an `EngineError` here and nowhere else:

    nobody accepts a connection         → EngineUnavailable
    dropped, or the body ends too soon  → StreamCut
    no byte for `silence` seconds       → EngineSilent
    no HTTP, a redirect, compressed     → EngineFailed
    more than is read of an answer      → AnswerTooLarge
    status of 400 or more               → whatever the engine's own `Faults` says of status and text

An engine is a neighbour that may be broken or hostile: nothing of it is read without a bound, nor followed elsewhere.
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
QUICK_SECONDS = 10.0  # for questions that an engine answers from memory: version, lists
WHOLE_SECONDS = 30.0  # for all of such an answer: one that comes byte by byte is never silent
STALE_SECONDS = 1.0  # in which it shows that a kept connection is closed; one that breaks later had its request
ERROR_BYTES = 64 * 1024  # of an error's body; a sentence of it is told
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
        """A quick question: what the engine knows without a model."""
        silence = min(QUICK_SECONDS, self._silence)
        async with self.answer("GET", path, faults, None, silence, WHOLE_SECONDS) as answer:
            return parse(await read_at_most(answer.content, JSON_BYTES))

    async def post(self, path: str, faults: Faults, body: dict[str, Any]) -> dict[str, Any]:
        """One JSON object for another; the engine may take as long as `silence`, since it may have to load a model."""
        inputs = body.get("input")  # of which each gets a vector
        most = min(len(inputs) * VECTOR_BYTES, VECTORS_BYTES) if isinstance(inputs, list | tuple) else JSON_BYTES
        most = max(most, JSON_BYTES)
        async with self.answer("POST", path, faults, body, self._silence) as answer:
            return parse(await read_at_most(answer.content, most))

    async def text(self, path: str, faults: Faults) -> bytes:
        """A good answer as it came, whatever it holds, waited for up to `silence`."""
        async with self.answer("GET", path, faults, None, self._silence) as answer:
            return await read_at_most(answer.content, JSON_BYTES)

    @asynccontextmanager
    async def lines(self, path: str, faults: Faults, body: dict[str, Any]) -> AsyncIterator[Lines]:
        """Open a streamed answer. Leaving it before its end closes the connection: that is how an engine is stopped."""
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
        """An answer whose status was good. Errors while it is read are turned as well.

        Seconds: `silence` may pass without a byte, `whole` until its last one.
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
        """Sent again where a kept connection turns out to be closed: that is nobody's fault, and it is kept no more."""
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
        if 300 <= answer.status < 400:  # wherever it leads: the prompt goes nowhere that was not set
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
            # No limit: the worker's slots are the limit. No total timeout: an answer may take as long as it speaks.
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
        """What aiohttp raises, as an `EngineError`. The engine's own bytes are in none of them."""
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
    """Seconds. No total where none is given: an answer may take as long as it goes on speaking."""
    return aiohttp.ClientTimeout(total=whole, connect=None, sock_connect=CONNECT_SECONDS, sock_read=silence)


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


def fields_of(told: object) -> dict[str, Any]:
    """A part of an answer that should be an object; empty where it is none."""
    return told if isinstance(told, dict) else {}


def objects_of(told: object) -> list[dict[str, Any]] | None:
    """A part of an answer that should be a list of objects; None where it is none, or holds none."""
    return [part for part in told if isinstance(part, dict)] or None if isinstance(told, list) else None


def entries_by(name: str, told: object) -> list[dict[str, Any]]:
    """The entries of a list of models that have a name; of a list without end one more than a worker offers."""
    entries = objects_of(told) or []
    return [entry for entry in entries if isinstance(entry.get(name), str)][: MODELS_MOST + 1]


def text_of(told: object) -> str:
    """A part of an answer that should be text; empty where it is none."""
    return told if isinstance(told, str) else ""


def error_text(data: bytes) -> str:
    """The sentence in an error body: `{"error": text}` (Ollama), `{"error": {"message": text}}` (llama.cpp) or text."""
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode(errors="replace").strip()[:500]
    error = said.get("error", said) if isinstance(said, dict) else said
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]
