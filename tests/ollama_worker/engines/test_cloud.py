"""Clouds: used only where SLUICE_CLOUD names one, each at its own address with its own key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ollama_worker.engines import auto
from ollama_worker.engines.auto import build_engine, choose_engine
from ollama_worker.engines.base import Engine, EngineUnavailable, Finished, NoEngine
from ollama_worker.settings import CloudName, WorkerSettings
from tests.ollama_worker.fake_anthropic import fake_anthropic
from tests.ollama_worker.fake_openai import fake_openai
from tests.support.child import free_port
from wire.records import JobRequest, Message

CHAT = JobRequest(model="m", messages=(Message(role="user", content="hi"),))
KEYS = {"openai_key": "key-o", "anthropic_key": "key-a", "google_key": "key-g"}


def settings(folder: Path, url: str, **changes: object) -> WorkerSettings:
    """Settings with all keys, and with every cloud at `url`."""
    clouds = dict.fromkeys(("cloud_openai_url", "cloud_anthropic_url", "cloud_google_url"), url)
    nowhere = f"http://127.0.0.1:{free_port()}/small.gguf"
    return WorkerSettings(_env_file=None, data_dir=folder, gguf_url=nowhere, **{**KEYS, **clouds, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def counted_connections() -> AsyncIterator[tuple[str, list[object]]]:
    """(address, connections that were opened to it)"""
    seen: list[object] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def used(engine: Engine) -> list[object]:
    try:
        return [item async for item in engine.generate(CHAT)]
    finally:
        await engine.close()


async def test_keys_alone_send_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever engine is chosen, and also when it is used and its health is read."""
    monkeypatch.setattr(auto, "LOCAL_OLLAMA", f"http://127.0.0.1:{free_port()}")
    async with counted_connections() as (url, seen):
        inherited = settings(tmp_path, url)
        choice = await choose_engine(inherited)
        engine = build_engine(inherited, choice)
        assert (await engine.health()).ok and await engine.store.models()
        assert await used(engine)
        with pytest.raises(NoEngine, match="SLUICE_CLOUD must name exactly one"):
            await choose_engine(settings(tmp_path, url, engine="cloud"))
        assert choice.kind == "simulated" and not seen


async def test_a_cloud_is_chosen_without_dialling_it(tmp_path: Path) -> None:
    async with counted_connections() as (url, seen):
        named = settings(tmp_path, url, engine="cloud", cloud=("anthropic",), cloud_models=("anthropic/m",))
        choice = await choose_engine(named)
        assert (choice.kind, choice.model) == ("cloud", "m")
        assert build_engine(named, choice).name == "anthropic" and not seen


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"cloud": ("openai", "google")}, "exactly one"),
        ({"cloud": ("google",), "google_key": ""}, "GOOGLE_API_KEY is not set"),
    ],
)
async def test_a_cloud_with_missing_settings_is_refused_with_the_setting_s_name(
    tmp_path: Path, changes: dict[str, object], advice: str
) -> None:
    with pytest.raises(NoEngine, match=advice):
        await choose_engine(settings(tmp_path, "http://x", engine="cloud", **changes))


@pytest.mark.parametrize(("name", "key"), [("openai", "key-o"), ("google", "key-g")])
async def test_a_cloud_that_speaks_openai_s_protocol_gets_its_own_key(tmp_path: Path, name: str, key: str) -> None:
    async with fake_openai() as fake:
        named = settings(tmp_path, fake.url, engine="cloud", cloud=(name,))
        engine = build_engine(named, await choose_engine(named))
        assert engine.name == name
        assert isinstance((await used(engine))[-1], Finished)
        assert fake.keys == {f"Bearer {key}"}


async def test_anthropic_gets_its_own_key(tmp_path: Path) -> None:
    async with fake_anthropic() as fake:
        fake.key = "key-a"
        named = settings(tmp_path, fake.url, engine="cloud", cloud=("anthropic",))
        assert isinstance((await used(build_engine(named, await choose_engine(named))))[-1], Finished)


@pytest.mark.parametrize(
    ("name", "serve", "key"), [("openai", fake_openai, ""), ("anthropic", fake_anthropic, "key-a")]
)
async def test_a_cloud_that_is_away_is_not_well_until_it_lists_its_models_again(
    tmp_path: Path, name: CloudName, serve: Any, key: str
) -> None:
    """An older list does not prove the health of a cloud that does not answer any more."""
    port = free_port()
    named = settings(tmp_path, f"http://127.0.0.1:{port}/v1", engine="cloud", cloud=(name,))
    engine: Any = build_engine(named, await choose_engine(named))
    engine._rest._seconds = 0
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        async with serve(port) as fake:
            fake.key = key
            assert (await engine.health()).ok
        assert (await engine.health()).ok, "it is not asked each time"
        with pytest.raises(EngineUnavailable):
            await anext(engine.generate(CHAT))
        assert not (await engine.health()).ok
        async with serve(port) as fake:
            fake.key = key
            assert (await engine.health()).ok


async def test_a_cloud_that_is_away_is_left_alone_for_a_while(tmp_path: Path) -> None:
    port = free_port()
    named = settings(tmp_path, f"http://127.0.0.1:{port}/v1", engine="cloud", cloud=("openai",))
    engine = build_engine(named, await choose_engine(named))
    with pytest.raises(EngineUnavailable):
        await used(engine)
    async with fake_openai(port) as fake:
        assert not (await engine.health()).ok and not fake.requests


async def test_a_further_server_is_not_shown_the_key_of_another(tmp_path: Path) -> None:
    async with fake_openai() as fake:
        named = settings(tmp_path, "http://x", engine="hf", hf_url=fake.url)
        assert (await choose_engine(named)).kind == "hf"
        engine = build_engine(named, await choose_engine(named))
        assert engine.name == "hf"
        await used(engine)
        assert fake.keys == {""}
