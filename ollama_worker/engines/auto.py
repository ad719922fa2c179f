"""Which engine a worker uses, and the making of it.

A server that speaks OpenAI's protocol, or a cloud, is used only where SLUICE_ENGINE names it. `auto` tries in this
order: an Ollama whose URL is set (a worker waits for it, and never passes it over), a GGUF file that is set, an Ollama
on this machine that has a model, a GGUF file that is already there, a small GGUF file from the network, and at last the
simulated engine, which production never falls back to.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, NamedTuple

import structlog

from ollama_worker.engines.base import Engine, EngineError, NoEngine
from ollama_worker.engines.cloud import cloud_engine, named_cloud
from ollama_worker.engines.gguf_download import DownloadFailed, Progress, download, target_of
from ollama_worker.engines.http import without_secret
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.openai_named import Found, probe_server, server_engine, server_url
from ollama_worker.engines.simulated import SimulatedEngine
from ollama_worker.engines.simulated_store import CONNECT_ADVICE
from ollama_worker.settings import DEFAULT_GGUF_URL, WorkerSettings
from wire.settings import DEFAULT_MODELS

LOCAL_OLLAMA = "http://127.0.0.1:11434"
PROBE_SECONDS = 3.0  # a server that is there answers a version in milliseconds, even on a loaded machine
WAIT_SECONDS = 1.0
LONGEST_NAME = 200  # characters
LOG_EVERY = 15  # waits: a log line a quarter of a minute shows that the worker still waits, and floods no log


class Choice(NamedTuple):
    """The engine of a worker. `detail` is a sentence for a person; `model` is the default model ("": not known)."""

    kind: Literal["ollama", "openai", "hf", "cloud", "llama-cpp", "simulated"]
    detail: str
    gguf: Path | None = None
    model: str = ""


def ignore_progress(completed: int, total: int) -> None:
    """For callers that show no progress."""


async def choose_engine(settings: WorkerSettings, progress: Progress = ignore_progress) -> Choice:
    """The engine by these settings. It may take as long as a set URL is silent, or a download lasts.

    Raises `NoEngine`. `progress` is called with (completed bytes, total bytes) while a model is fetched.
    """
    if settings.engine == "ollama" or (settings.engine == "auto" and settings.ollama_base_url):
        return await _wait_for_ollama(settings)
    if settings.engine in ("openai", "hf"):
        return await _wait_for_server(settings)
    if settings.engine == "cloud":
        return _cloud(settings)
    if settings.engine == "simulated":
        return _simulated(settings)
    if settings.engine == "llama-cpp":
        return await _llama_cpp(settings, progress)
    return await _first_at_hand(settings, progress)


def build_engine(settings: WorkerSettings, choice: Choice) -> Engine:
    """The engine of a choice; nothing is opened or loaded before its first use."""
    if choice.kind == "ollama":
        return OllamaEngine(_ollama_url(settings), settings.silence)
    if choice.kind in ("openai", "hf"):
        return server_engine(settings, settings.silence)
    if choice.kind == "cloud":
        return cloud_engine(settings)
    if choice.kind == "llama-cpp" and choice.gguf is not None:
        return LlamaCppEngine(choice.gguf, choice.model, settings.slots, settings.silence, settings.mmproj)
    return SimulatedEngine(
        [settings.default_model, *settings.models],
        rate=settings.simulated_rate,
        load_ms=settings.simulated_load_ms,
        faults=settings.simulated_faults,
        silence=settings.silence,
    )


async def _first_at_hand(settings: WorkerSettings, progress: Progress) -> Choice:
    if settings.gguf:
        return await _llama_cpp(settings, progress)
    if choice := await _ollama_at_hand(settings):
        return choice
    try:
        return await _llama_cpp(settings, progress)
    except NoEngine as error:
        if settings.node_env == "production":
            raise NoEngine(f"No model can be reached, and production simulates none. {how_to_connect()}") from error
        structlog.get_logger().warning(CONNECT_ADVICE, action="engine.simulated", reason=str(error))
        return _simulated(settings)


def how_to_connect() -> str:
    return "Set OLLAMA_BASE_URL, or SLUICE_GGUF to a GGUF file, or SLUICE_ENGINE=simulated if that is what you want"


def _simulated(settings: WorkerSettings) -> Choice:
    return Choice("simulated", CONNECT_ADVICE, model=settings.default_model)


# Ollama


def _ollama_url(settings: WorkerSettings) -> str:
    return settings.ollama_base_url or LOCAL_OLLAMA


async def _wait_for_ollama(settings: WorkerSettings) -> Choice:
    """Wait for the server in the settings. A server without a model is used too, since a pull may follow."""
    url = _ollama_url(settings)
    detail, models = await _until_there("Ollama", url, lambda: probe(url))
    return Choice("ollama", detail, model=_default_of(settings, models))


async def _until_there(who: str, url: str, look: Callable[[], Awaitable[Found]]) -> tuple[str, list[str]]:
    """Look again and again until the server is there; `who` names it in log lines."""
    log, waits = structlog.get_logger(), 0
    while True:
        detail, models = await look()
        if models is not None:
            return detail, models
        if waits % LOG_EVERY == 0:
            log.warning(f"waiting for {who}", action="engine.waiting", url=without_secret(url), reason=detail)
        waits += 1
        await asyncio.sleep(WAIT_SECONDS)


async def _ollama_at_hand(settings: WorkerSettings) -> Choice | None:
    detail, models = await probe(LOCAL_OLLAMA)
    return Choice("ollama", detail, model=_default_of(settings, models)) if models else None


async def probe(url: str) -> Found:
    """A sentence about Ollama, and the names of its models: None when Ollama is not there or not well."""
    engine = OllamaEngine(url, silence=PROBE_SECONDS)
    try:
        detail = (await engine.health()).detail
        return detail, await engine.store.names()
    except EngineError:
        return detail, None
    finally:
        await engine.close()


def _default_of(settings: WorkerSettings, models: list[str]) -> str:
    """The default model where the server has it, else the first: an answer from another model is better than none."""
    wanted = settings.default_model
    return wanted if settings.model_name or wanted in models or not models else models[0]


# A server that speaks OpenAI's protocol


async def _wait_for_server(settings: WorkerSettings) -> Choice:
    detail, models = await _until_there("the server", server_url(settings), lambda: probe_server(settings))
    return Choice("hf" if settings.engine == "hf" else "openai", detail, model=_default_of(settings, models))


# Clouds


def _cloud(settings: WorkerSettings) -> Choice:
    """The cloud in the settings. Whether it is there shows at the first look of the worker that runs it."""
    name = named_cloud(settings)
    model = settings.model_name or next(iter(settings.cloud_offers(name)), "")
    return Choice("cloud", f"{name}'s cloud at {without_secret(settings.cloud_url(name))}", model=model)


# llama.cpp


async def _llama_cpp(settings: WorkerSettings, progress: Progress) -> Choice:
    """A file that is set, else a file that is there, else a small file that is fetched."""
    for name, file in (("SLUICE_GGUF", settings.gguf), ("SLUICE_MMPROJ", settings.mmproj)):
        if file and not file.is_file():
            raise NoEngine(f"{name}: there is no file at {file}")
    if importlib.util.find_spec("xllamacpp") is None:
        raise NoEngine("A GGUF file needs the llama.cpp engine: pip install 'sluice[llama-cpp]'")
    if gguf := settings.gguf or _gguf_at_hand(settings):
        return _gguf_choice(settings, gguf)
    try:
        fetched = await download(settings.gguf_url, _folder(settings), progress, settings.gguf_sha256)
        return _gguf_choice(settings, fetched)
    except DownloadFailed as error:
        raise NoEngine(f"{error}. {how_to_connect()}") from error


def _folder(settings: WorkerSettings) -> Path:
    return settings.data_dir / "models"


def _gguf_at_hand(settings: WorkerSettings) -> Path | None:
    """The file that would be fetched, if it is there; else the first file by name."""
    fetched = target_of(settings.gguf_url, _folder(settings))
    return fetched if fetched.is_file() else next(iter(sorted(_folder(settings).glob("*.gguf"))), None)


def _gguf_choice(settings: WorkerSettings, gguf: Path) -> Choice:
    model = gguf_model(settings, gguf)
    return Choice("llama-cpp", f"llama.cpp in a process of its own, with {gguf.name} as {model}", gguf, model)


def gguf_model(settings: WorkerSettings, gguf: Path) -> str:
    """The name under which a file is served.

    Where both SLUICE_GGUF and MODEL_NAME are set, MODEL_NAME is the file's name. The file that we fetch is Ollama's
    `qwen2.5:0.5b`. Any other model is named after its file, so that no model poses as another. A file may have any
    name, but a model's name is short and printable: callers type it, and every worker and every API process keeps it.
    """
    if settings.gguf and settings.model_name:
        return settings.model_name
    if gguf.name == target_of(DEFAULT_GGUF_URL, Path()).name:
        return DEFAULT_MODELS["development"]
    return "".join(letter if letter.isprintable() else "-" for letter in gguf.stem.lower())[:LONGEST_NAME]
