"""The clouds that a worker may use, each by its own name, address and key.

One worker uses one cloud: the one that SLUICE_CLOUD names. A key alone chooses no cloud: without SLUICE_CLOUD nothing
here is made, and no connection is opened.
"""

from __future__ import annotations

from ollama_worker.engines.base import Engine, NoEngine
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.openai_servers import GOOGLE, OPENAI
from ollama_worker.settings import CloudName, WorkerSettings

# A provider's list changes a few times a year, and a worker looks at its models four times a minute.
LIST_SECONDS = 600.0
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GOOGLE_API_KEY"}


def named_cloud(settings: WorkerSettings) -> CloudName:
    """The cloud of this worker. Raises `NoEngine`."""
    if len(settings.cloud) != 1:
        raise NoEngine("SLUICE_ENGINE=cloud speaks to one cloud: SLUICE_CLOUD must name exactly one")
    (name,) = settings.cloud
    if not settings.cloud_key(name):
        raise NoEngine(f"SLUICE_CLOUD names {name}, and {KEYS[name]} is not set")
    return name


def cloud_engine(settings: WorkerSettings) -> Engine:
    """The engine of this worker's cloud. Raises `NoEngine`. No connection is opened before its first use."""
    name = named_cloud(settings)
    url, key, offered = settings.cloud_url(name), settings.cloud_key(name), settings.cloud_offers(name)
    if name == "anthropic":
        return AnthropicEngine(url, key, offered, settings.silence, LIST_SECONDS)
    server = OPENAI if name == "openai" else GOOGLE
    return OpenAIEngine(url, key, name, server, offered, settings.silence, LIST_SECONDS)
