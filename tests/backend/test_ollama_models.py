"""Models as Ollama's and Anthropic's clients read them, whatever a worker, an old one too, says of them."""

from __future__ import annotations

from typing import Any

import pytest

from backend.dialects.anthropic import models as anthropic_models
from backend.dialects.anthropic.models import Page
from backend.dialects.ollama import models as ollama_models
from backend.errors import ApiError
from backend.pool.models.catalogue import live_models, once, together
from backend.pool.models.names import Models
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord

FILE = {
    "size": 397_821_319,
    "digest": "a8b0c51577010a279d933d14c2a8ab4b268079d44c5c8830c0a93900f1827c67",
    "details": {
        "parent_model": "",
        "format": "gguf",
        "family": "qwen2",
        "families": ["qwen2"],
        "parameter_size": "494.03M",
        "quantization_level": "Q4_K_M",
    },
}
LOADED = {**FILE, "loaded": True, "size_vram": 500, "expires_at": "2026-12-01T15:00:00Z", "context_length": 4096}


def test_a_worker_s_report_of_its_file_is_listed() -> None:
    [entry] = ollama_models.tags({"m": FILE})["models"]
    assert {word: entry[word] for word in FILE} == FILE
    [entry] = ollama_models.running({"m": LOADED, "away": FILE})["models"]
    assert {word: entry[word] for word in (*FILE, "size_vram", "expires_at", "context_length")} == {
        word: value for word, value in LOADED.items() if word != "loaded"
    }
    assert ollama_models.shown("m", FILE)["details"] == FILE["details"]


@pytest.mark.parametrize("about", [{}, {"size": -1, "digest": "short", "details": {"families": None, "family": 7}}])
def test_a_fact_that_no_worker_reports_has_the_kind_that_clients_decode(about: dict[str, Any]) -> None:
    """Ollama's command line cuts a digest to twelve characters, and fails at a shorter one."""
    [entry] = ollama_models.running({"m": {**about, "loaded": True}})["models"]
    assert (entry["size"], entry["size_vram"], len(entry["digest"])) == (0, 0, 64)
    assert entry["details"] == ollama_models.NO_DETAILS and entry["expires_at"] > "9"


@pytest.mark.parametrize(
    ("capabilities", "told"),
    [
        (["completion", "embedding", "tools"], ["completion", "tools"]),
        (["embedding"], ["embedding"]),
        ([], ["completion"]),
    ],
)
def test_a_model_completes_or_embeds_and_never_both(capabilities: list[str], told: list[str]) -> None:
    shown = ollama_models.shown("m", {"capabilities": capabilities})
    assert (shown["capabilities"], shown["sluice"]["capabilities"]) == (told, capabilities or told)


@pytest.mark.parametrize("able", [True, False])
def test_a_template_shows_whether_a_model_calls_tools(able: bool) -> None:
    about = {"capabilities": ["completion", *["tools"] * able]}
    assert ("tools" in ollama_models.shown("m", about)["template"].lower()) == able


def test_an_unknown_context_is_left_out() -> None:
    """LiteLLM takes a 0 for the length."""
    assert not [word for word in ollama_models.shown("m", {})["model_info"] if "context_length" in word]


def worker(**models: dict[str, Any]) -> WorkerRecord:
    return WorkerRecord("w", 1, 1, 0, True, 0, 0, WorkerInfo("ollama", models))


def test_the_worker_that_has_the_model_in_memory_is_believed() -> None:
    for workers in ([worker(m=LOADED), worker(m=FILE)], [worker(m=FILE), worker(m=LOADED)]):
        assert live_models(workers) == {"m": LOADED}


def test_a_model_is_listed_once_as_a_living_worker_spells_it() -> None:
    known = once({"qwen": {}, "old": {"size": 1}, "qwen:latest": FILE}, {"qwen:latest": FILE})
    assert known == {"qwen:latest": FILE, "old": {"size": 1}}
    engines = {"qwen": frozenset({"vllm"})}
    both = together([Models({"qwen:latest": FILE}, known), Models({"qwen": LOADED}, {"qwen": LOADED}, engines)])
    assert (list(both.known), both.live) == (["qwen:latest", "old"], {"qwen:latest": LOADED})
    assert both.engines == {"qwen:latest": frozenset({"vllm"})}
    assert both.about("qwen") == LOADED and both.is_live("qwen") and not both.is_live("old")


MANY = {f"m{place}": {} for place in range(25)}


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, [f"m{place}" for place in range(20)], True),
        ({"limit": "1000"}, list(MANY), False),
        ({"limit": "2", "after_id": "m22"}, ["m23", "m24"], False),
        ({"limit": "2", "before_id": "m3"}, ["m1", "m2"], True),
        ({"after_id": "m24"}, [], False),
    ],
)
def test_anthropic_s_clients_get_pages(query: dict[str, str], ids: list[str], more: bool) -> None:
    page = anthropic_models.listed(MANY, Page.of(query))
    assert ([model["id"] for model in page["data"]], page["has_more"]) == (ids, more)
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "many"}, {"limit": "9" * 5_000}, {"limit": "1001"}, {"after_id": "nobody"}]
)
def test_a_page_that_there_is_not_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ApiError):
        anthropic_models.listed(MANY, Page.of(query))
