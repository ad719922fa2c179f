"""The environment that a house's processes get for the engine that `sluice up` chose."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_worker.settings import WorkerSettings
from sluice.engine import EngineFound, EngineRefused, environment, refuse_itself


def settings(**changes: Any) -> WorkerSettings:
    return WorkerSettings(_env_file=None, **changes)


@pytest.mark.parametrize("kind", ["ollama", "openai", "hf"])
def test_the_model_of_a_server_is_not_written_down_as_the_default(kind: str) -> None:
    """The model may be missing, now or later: the API takes one that a living worker has."""
    away = EngineFound(kind, "away", model="qwen2.5:0.5b", answers=False)
    assert environment(away, settings()) == {"SLUICE_ENGINE": kind}
    assert environment(EngineFound(kind, "well", model="first:7b"), settings()) == {"SLUICE_ENGINE": kind}


def test_the_one_model_that_a_house_runs_itself_is_its_default_unless_one_is_set() -> None:
    engine = EngineFound("llama-cpp", "a file", model="some-model")
    assert environment(engine, settings()) == {"SLUICE_ENGINE": "llama-cpp", "MODEL_NAME": "some-model"}
    assert environment(engine, settings(model_name="mine")) == {"SLUICE_ENGINE": "llama-cpp"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_a_house_that_is_named_as_its_own_ollama_is_refused(url: str) -> None:
    with pytest.raises(EngineRefused, match="names this house itself"):
        refuse_itself(settings(ollama_base_url=url), "127.0.0.1", 8000)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:11434", "http://gpu-box:8000", "http://127.0.0.2:8000"])
def test_any_other_ollama_is_accepted(url: str | None) -> None:
    refuse_itself(settings(ollama_base_url=url), "127.0.0.1", 8000)
