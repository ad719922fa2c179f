"""The choice of an engine: a setting is never passed over, and production never gets simulated answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ollama_worker.engines import auto
from ollama_worker.engines.auto import build_engine, choose_engine, gguf_model
from ollama_worker.engines.base import NoEngine
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.ollama import OllamaEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.engines.simulated import SimulatedEngine
from ollama_worker.settings import WorkerSettings
from tests.ollama_worker.fake_ollama import FakeOllama, fake_ollama
from tests.ollama_worker.fake_openai import fake_openai
from tests.support.child import free_port


@pytest.fixture
def nowhere() -> str:
    """An address where no server listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with fake_ollama() as fake:
        yield fake


@pytest.fixture
def settings(tmp_path: Path, nowhere: str, monkeypatch: pytest.MonkeyPatch) -> WorkerSettings:
    """Nothing set, no Ollama on this machine, no network."""
    monkeypatch.setattr(auto, "LOCAL_OLLAMA", nowhere)
    return WorkerSettings(_env_file=None, data_dir=tmp_path, gguf_url=f"{nowhere}/small.gguf")


def put(settings: WorkerSettings, **changes: object) -> WorkerSettings:
    return settings.model_copy(update=changes)


def here(settings: WorkerSettings, name: str) -> Path:
    folder = settings.data_dir / "models"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"GGUF")
    return folder / name


async def test_an_ollama_on_this_machine_is_taken_when_it_has_a_model(
    settings: WorkerSettings, fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "LOCAL_OLLAMA", fake.url)
    choice = await choose_engine(settings)
    assert (choice.kind, choice.model) == ("ollama", "m:latest")
    assert isinstance(build_engine(settings, choice), OllamaEngine)
    fake.models = {}
    assert (await choose_engine(settings)).kind != "ollama"


async def test_the_default_model_is_preferred_where_it_is_there(
    settings: WorkerSettings, fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "LOCAL_OLLAMA", fake.url)
    fake.models = {"m:latest": {}, "qwen2.5:0.5b": {}}
    assert (await choose_engine(settings)).model == "qwen2.5:0.5b"


async def test_an_address_that_was_set_is_taken_even_without_a_model(
    settings: WorkerSettings, fake: FakeOllama
) -> None:
    here(settings, "there.gguf")
    fake.models = {}
    choice = await choose_engine(put(settings, ollama_base_url=fake.url))
    assert choice.kind == "ollama" and "ollama pull" in choice.detail


async def test_an_address_that_was_set_is_waited_for(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set Ollama is not passed over for a file that is there, and a log line names what the worker waits for."""
    here(settings, "there.gguf")
    monkeypatch.setattr(auto, "WAIT_SECONDS", 0.01)
    waiting, probed, real_probe = asyncio.Event(), 0, auto.probe

    async def counted(url: str) -> tuple[str, list[str] | None]:
        nonlocal probed
        probed += 1
        if probed == 3:
            waiting.set()
        return await real_probe(url)

    monkeypatch.setattr(auto, "probe", counted)
    url = auto.LOCAL_OLLAMA
    choosing = asyncio.create_task(choose_engine(put(settings, ollama_base_url=url)))
    await asyncio.wait_for(waiting.wait(), 5)
    assert not choosing.done()
    assert "waiting for Ollama" in capsys.readouterr().out
    async with fake_ollama(int(url.rsplit(":", 1)[1])) as late:
        assert (await asyncio.wait_for(choosing, 5)).kind == "ollama"
        assert late.bodies("/api/tags")


async def test_a_server_that_speaks_openai_s_protocol_is_waited_for(
    settings: WorkerSettings, nowhere: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auto, "WAIT_SECONDS", 0.01)
    waiting, real_probe = asyncio.Event(), auto.probe_server

    async def noted(settings: WorkerSettings) -> tuple[str, list[str] | None]:
        result = await real_probe(settings)
        waiting.set()
        return result

    monkeypatch.setattr(auto, "probe_server", noted)
    wanted = put(settings, engine="openai", openai_url=f"{nowhere}/v1")
    choosing = asyncio.create_task(choose_engine(wanted))
    await asyncio.wait_for(waiting.wait(), 5)
    assert not choosing.done()
    assert "waiting for the server" in capsys.readouterr().out
    async with fake_openai(int(nowhere.rsplit(":", 1)[1])):
        choice = await asyncio.wait_for(choosing, 5)
    assert (choice.kind, choice.model) == ("openai", "m")
    assert isinstance(build_engine(wanted, choice), OpenAIEngine)


@pytest.mark.parametrize(("engine", "name"), [("openai", "OPENAI_API_BASE_URL"), ("hf", "HF_LOCAL_HOST")])
async def test_a_server_without_an_address_is_an_error(settings: WorkerSettings, engine: str, name: str) -> None:
    with pytest.raises(NoEngine, match=name):
        await choose_engine(put(settings, engine=engine))


async def test_an_address_of_a_server_alone_chooses_nothing(settings: WorkerSettings) -> None:
    async with fake_openai() as fake:
        choice = await choose_engine(put(settings, openai_url=fake.url, hf_url=fake.url))
        assert choice.kind == "simulated" and not fake.requests


async def test_a_file_that_was_set_is_taken(settings: WorkerSettings, tiny_gguf: Path) -> None:
    wanted = put(settings, gguf=tiny_gguf)
    choice = await choose_engine(wanted)
    assert (choice.kind, choice.gguf, choice.model) == ("llama-cpp", tiny_gguf, "tiny")
    assert isinstance(build_engine(wanted, choice), LlamaCppEngine)


async def test_a_file_that_is_set_with_a_name_has_that_name(settings: WorkerSettings, tiny_gguf: Path) -> None:
    assert (await choose_engine(put(settings, gguf=tiny_gguf, model_name="mine"))).model == "mine"


@pytest.mark.parametrize(("field", "name"), [("gguf", "SLUICE_GGUF"), ("mmproj", "SLUICE_MMPROJ")])
async def test_a_file_that_was_set_and_is_missing_is_an_error(
    settings: WorkerSettings, tmp_path: Path, tiny_gguf: Path, field: str, name: str
) -> None:
    with pytest.raises(NoEngine, match=name):
        await choose_engine(put(settings, **{"gguf": tiny_gguf, field: tmp_path / "gone.gguf"}))


async def test_a_file_that_is_there_is_taken_under_its_own_name(settings: WorkerSettings) -> None:
    there = here(settings, "Some-Model.gguf")
    choice = await choose_engine(put(settings, model_name="llama3.1:8b"))
    assert (choice.gguf, choice.model) == (there, "some-model"), "no model poses as another"


async def test_the_file_that_is_fetched_goes_by_its_ollama_name(settings: WorkerSettings) -> None:
    here(settings, "another.gguf")
    fetched = here(settings, "qwen2.5-0.5b-instruct-q4_k_m.gguf")
    choice = await choose_engine(put(settings, gguf_url=f"http://x/{fetched.name}"))
    assert (choice.gguf, choice.model) == (fetched, "qwen2.5:0.5b")


async def test_without_any_model_answers_are_simulated_and_the_log_names_how_to_connect(
    settings: WorkerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = await choose_engine(settings)
    assert choice.kind == "simulated"
    assert "OLLAMA_BASE_URL" in choice.detail and "SIMULATED" in capsys.readouterr().out
    engine = build_engine(settings, choice)
    assert isinstance(engine, SimulatedEngine)
    assert (await engine.store.models())[0].name == settings.default_model


async def test_production_never_simulates_by_itself(settings: WorkerSettings) -> None:
    production = put(settings, node_env="production")
    with pytest.raises(NoEngine, match="OLLAMA_BASE_URL"):
        await choose_engine(production)
    assert (await choose_engine(put(production, engine="simulated"))).kind == "simulated"


async def test_a_missing_library_is_refused_with_what_to_install(
    settings: WorkerSettings, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NoEngine, match=r"sluice\[llama-cpp\]"):
        await choose_engine(put(settings, gguf=tiny_gguf))
    assert (await choose_engine(settings)).kind == "simulated"


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("Some-Model.gguf", "some-model"),
        ("a\x1b[31m\nb.gguf", "a-[31m-b"),
        ("m\udcff.gguf", "m-"),
        ("x" * 250, "x" * 200),
    ],
)
def test_a_model_is_called_after_its_file_in_letters_that_can_be_printed(
    settings: WorkerSettings, file: str, model: str
) -> None:
    assert gguf_model(settings, Path(file)) == model
