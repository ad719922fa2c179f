"""Which engine the workers get. Decided once, before they start, so that all agree and one progress bar is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit

from ollama_worker.engines.auto import LOCAL_OLLAMA, choose_engine, probe
from ollama_worker.engines.base import NoEngine
from ollama_worker.engines.openai_named import probe_server
from ollama_worker.settings import WorkerSettings

BIGGER = "For bigger models: start Ollama (or set OLLAMA_BASE_URL), or set SLUICE_GGUF to a file, and start again."
SERVERS = ("ollama", "openai", "hf")  # engines whose models others pull, load and remove
HERE = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::")  # noqa: S104 - compared, not listened on
WAITING = "The workers wait for it. Start it, or correct {} and start again."

Report = Callable[[int, int], None]  # bytes that are here, bytes in all (0: not known)


class EngineRefused(Exception):
    """No engine can be used as the settings describe it; the message gives the remedy."""


class EngineFound(NamedTuple):
    """What the workers will speak to. `real`: it runs a model, not canned answers."""

    kind: str
    detail: str  # a sentence
    advice: str = ""  # how to get a better one, or the model that is missing
    model: str = ""  # what a chat that names no model gets; empty: not known
    answers: bool = True  # False: a server that was named is not there yet
    has_model: bool = True  # False: it must be pulled first, or another one named

    @property
    def real(self) -> bool:
        return self.kind != "simulated"


async def find_engine(settings: WorkerSettings, terminal: bool) -> EngineFound:
    """As `choose_engine`, with a progress bar on a terminal. Raises EngineRefused.

    An Ollama that was named and does not answer yet is no reason to wait here: the workers wait for it, and the API
    accepts jobs meanwhile.
    """
    with _progress_bar(terminal) as report:
        return await _find(settings, report)


def refuse_itself(settings: WorkerSettings, host: str, port: int) -> None:
    """Raises EngineRefused where the Ollama that was named is this house, which answers as one: its only slot would
    wait for itself. `OLLAMA_HOST` may be meant for Ollama's command line alone."""
    place = urlsplit(settings.ollama_base_url or "")
    if place.port == port and (place.hostname == host or {place.hostname, host} <= {*HERE}):
        raise EngineRefused(
            f"OLLAMA_BASE_URL, or OLLAMA_HOST, names this house itself (port {port}): unset it, or name an Ollama"
        )


async def look_for_engine(settings: WorkerSettings) -> EngineFound:
    """What `find_engine` would find now, and nothing is fetched. Raises EngineRefused."""
    try:
        return await _find(settings, _fetch_nothing)
    except _WouldFetch as size:
        return EngineFound("llama-cpp", f"`sluice up` would fetch a small model ({size})", BIGGER)


async def _find(settings: WorkerSettings, report: Report) -> EngineFound:
    if settings.engine == "ollama" or (settings.engine == "auto" and settings.ollama_base_url):
        return await _ollama(settings)
    try:
        if settings.engine in ("openai", "hf"):
            return await _server(settings)
        choice = await choose_engine(settings, report)
    except NoEngine as error:
        raise EngineRefused(str(error)) from None
    if choice.kind == "ollama":
        return await _ollama(settings)
    advice = BIGGER if choice.kind == "llama-cpp" else ""  # the simulated engine's sentence is advice already
    return EngineFound(choice.kind, choice.detail, advice, choice.model)


async def _ollama(settings: WorkerSettings) -> EngineFound:
    """An Ollama may be away, or lack the model that a chat gets by default: return what to do."""
    detail, names = await probe(settings.ollama_base_url or LOCAL_OLLAMA)
    if names is None:
        return EngineFound("ollama", detail, WAITING.format("OLLAMA_BASE_URL"), settings.default_model, answers=False)
    choice = await choose_engine(settings)
    has_model = bool({choice.model, f"{choice.model}:latest"} & set(names))
    advice = "" if has_model else f"It does not have {choice.model} yet: ollama pull {choice.model}"
    return EngineFound("ollama", detail, advice, choice.model, has_model=has_model)


async def _server(settings: WorkerSettings) -> EngineFound:
    """The same of a server that speaks OpenAI's protocol. Raises NoEngine where no address was set."""
    detail, names = await probe_server(settings)
    if names is None:
        name = "HF_LOCAL_HOST" if settings.engine == "hf" else "OPENAI_API_BASE_URL"
        return EngineFound(settings.engine, detail, WAITING.format(name), settings.default_model, answers=False)
    choice = await choose_engine(settings)
    has_model = choice.model in names
    advice = "" if has_model else f"It does not have {choice.model}. It has: {', '.join(names[:5])}"
    return EngineFound(choice.kind, detail, advice, choice.model, has_model=has_model)


def environment(found: EngineFound, settings: WorkerSettings) -> dict[str, str]:
    """The variables that make every process use the engine that was found and, without MODEL_NAME, its model.

    The models of a server come and go while the house runs, and the server itself may come up after it: a name written
    down here would stay the default although no worker has that model. The API then takes one that a worker has.
    """
    chosen = {"SLUICE_ENGINE": found.kind}
    if found.model and settings.model_name is None and found.kind not in SERVERS:
        chosen["MODEL_NAME"] = found.model
    return chosen


class _WouldFetch(Exception):
    """Raised instead of fetching; its text is the size."""


def _fetch_nothing(_: int, total: int) -> NoReturn:
    raise _WouldFetch(f"{total / 1e6:.0f} MB" if total else "of unknown size")


@contextmanager
def _progress_bar(terminal: bool) -> Iterator[Report]:
    """A bar that appears with the first byte, and only where a person looks."""
    if not terminal:
        yield lambda completed, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("Fetching a small model"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    task = bar.add_task("fetch", total=None)

    def report(completed: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=completed, total=total or None)

    try:
        yield report
    finally:
        bar.stop()
