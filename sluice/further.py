"""Further workers of a house, each in a pool of its own: one for HF_LOCAL_HOST, one for each cloud in SLUICE_CLOUD.

Nothing else starts one. A key that is merely there starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ollama_worker.engines.auto import build_engine, choose_engine
from ollama_worker.engines.base import Health, NoEngine
from ollama_worker.engines.cloud import named_cloud
from ollama_worker.engines.http import without_secret
from ollama_worker.engines.openai_named import probe_server
from ollama_worker.settings import CloudName, WorkerSettings
from sluice.engine import EngineRefused
from sluice.settings import UpSettings


class Further(NamedTuple):
    """A worker beside the house's own. `settings` are what it will read; `env` is what makes it read so."""

    pool: str
    detail: str  # what it speaks to, for a person
    env: dict[str, str]
    settings: WorkerSettings


def further_workers(up: UpSettings, worker: WorkerSettings) -> list[Further]:
    """Raises EngineRefused where a worker cannot be started as the settings describe it."""
    clouds = () if worker.engine == "cloud" else dict.fromkeys(worker.cloud)  # that one is the house's own
    if len(worker.cloud) > 1 and any("/" not in model for model in worker.cloud_models):
        raise EngineRefused("SLUICE_CLOUD_MODELS: with several clouds say whose each model is, as in openai/gpt-5-mini")
    return [*_server(worker), *(_cloud(up, worker, name) for name in clouds)]


def pools(up: UpSettings, further: Iterable[Further]) -> str:
    """SLUICE_POOLS for the API: its own first, then those that were named, then those that are started here."""
    return ",".join(dict.fromkeys([up.pool, *up.pools, *(one.pool for one in further)]))


async def look(one: Further) -> Health:
    """The state of the worker's server now. This sends a request, for a cloud to the cloud."""
    if one.settings.engine == "hf":
        detail, models = await probe_server(one.settings)
        return Health(models is not None, detail)
    engine = build_engine(one.settings, await choose_engine(one.settings))
    try:
        return await engine.health()
    finally:
        await engine.close()


def _server(worker: WorkerSettings) -> list[Further]:
    if not worker.hf_url or worker.engine == "hf":
        return []
    env = {"SLUICE_ENGINE": "hf", "SLUICE_POOL": "hf"}
    detail = f"the server at {without_secret(worker.hf_url)}"
    return [Further("hf", detail, env, worker.model_copy(update={"engine": "hf", "pool": "hf"}))]


def _cloud(up: UpSettings, worker: WorkerSettings, name: CloudName) -> Further:
    own = worker.model_copy(update={"engine": "cloud", "cloud": (name,), "pool": name})
    try:
        named_cloud(own)
    except NoEngine as error:
        raise EngineRefused(str(error)) from None
    slots = str(up.cloud_slots)
    env = {"SLUICE_ENGINE": "cloud", "SLUICE_CLOUD": name, "SLUICE_POOL": name, "SLUICE_SLOTS": slots}
    return Further(name, f"{name}'s cloud, {slots} jobs at once", env, own)
