"""A worker's settings from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollama_worker.settings import WorkerSettings
from wire.settings import read_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without the developer's variables, and without a .env."""
    for field in WorkerSettings.model_fields.values():
        for name in [field.alias, *(getattr(field.validation_alias, "choices", None) or ())]:
            monkeypatch.delenv(str(name), raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = read_settings(WorkerSettings)
    assert (settings.engine, settings.slots, settings.gguf) == ("auto", 1, None)
    assert (settings.timeout_ms, settings.silence, settings.max_retries) == (300_000, 300.0, 3)
    assert (settings.backoff, settings.grace, settings.simulated_rate) == ("exponential", 30.0, 50.0)


@pytest.mark.parametrize("name", ["SLUICE_SLOTS", "QUEUE_CONCURRENCY"])
def test_slots_have_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "7")
    assert read_settings(WorkerSettings).slots == 7


def test_a_home_in_a_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_GGUF", "~/m.gguf")
    assert read_settings(WorkerSettings).gguf == Path.home() / "m.gguf"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SLUICE_ENGINE", "gpt", "'auto', 'ollama', 'openai', 'hf', 'cloud', 'llama-cpp' or 'simulated'"),
        ("SLUICE_CLOUD", "openai,azure", "'openai', 'anthropic' or 'google'"),
        ("OPENAI_API_BASE_URL", "ftp://x", "match pattern"),
        ("SLUICE_SLOTS", "0", "greater than or equal to 1"),
        ("SLUICE_SLOTS", "257", "less than or equal to 256"),
        ("SLUICE_GGUF_URL", "ftp://x/y.gguf", "ends in .gguf"),
        ("SLUICE_GGUF_SHA256", "abc", "match pattern"),
        ("OLLAMA_TIMEOUT", "soon", "valid integer"),
        ("OLLAMA_MAX_RETRIES", "-1", "greater than or equal to 0"),
        ("QUEUE_BACKOFF_TYPE", "linear", "'exponential' or 'fixed'"),
        ("SLUICE_GRACE_SECONDS", "-1", "greater than or equal to 0"),
        ("SLUICE_SIMULATED_RATE", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        read_settings(WorkerSettings)
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert name in line and allowed in line


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("https://host/api/v1/", "https://host/api/v1"),
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_API_BASE_URL", "HF_LOCAL_HOST"])
def test_an_address_without_a_path_means_v1(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, expected: str
) -> None:
    monkeypatch.setenv(name, url)
    settings = read_settings(WorkerSettings)
    assert (settings.openai_url or settings.hf_url) == expected


def test_a_cloud_gets_the_models_that_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_CLOUD_MODELS", "openai/a, anthropic/b, c, org/d")
    settings = read_settings(WorkerSettings)
    assert settings.cloud_offers("openai") == ("a", "c", "org/d")
    assert settings.cloud_offers("google") == ("c", "org/d")


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    settings = read_settings(WorkerSettings)
    assert settings.cloud_key("openai") == "hunter2" and "hunter2" not in repr(settings)
