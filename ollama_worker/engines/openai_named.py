"""The OpenAI-compatible server of a worker's settings: its address, its engine, and whether it is there."""

from __future__ import annotations

from ollama_worker.engines.base import EngineError, NoEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.openai_servers import HF
from ollama_worker.settings import WorkerSettings

PROBE_SECONDS = 3.0  # a server that is there lists its models in milliseconds, even on a loaded machine

Found = tuple[str, list[str] | None]  # a sentence about a server, and its models: None when it is not well


def server_url(settings: WorkerSettings) -> str:
    """The address in the settings. Raises `NoEngine`."""
    url, name = settings.openai_url, "OPENAI_API_BASE_URL"
    if settings.engine == "hf":
        url, name = settings.hf_url, "HF_LOCAL_HOST"
    if not url:
        raise NoEngine(f"SLUICE_ENGINE={settings.engine} needs {name}: the address of a server, up to its /v1")
    return url


def server_engine(settings: WorkerSettings, silence: float) -> OpenAIEngine:
    """The engine of the server in the settings. The key goes to that server, and to no other."""
    url = server_url(settings)
    if settings.engine == "hf":
        return OpenAIEngine(url, name="hf", server=HF, silence=silence)
    return OpenAIEngine(url, settings.openai_key.get_secret_value(), silence=silence)


async def probe_server(settings: WorkerSettings) -> Found:
    """As `auto.probe`, for a server that speaks OpenAI's protocol. A server without a model is not well."""
    engine = server_engine(settings, PROBE_SECONDS)
    try:
        health = await engine.health()
        return health.detail, [model.name for model in await engine.store.models()] if health.ok else None
    except EngineError as error:
        return error.message, None
    finally:
        await engine.close()
