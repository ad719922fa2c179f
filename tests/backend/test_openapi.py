"""The document of all routes: whole in itself, and each path in the language that its errors have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.app import create_app
from backend.dialects.anthropic import answer as anthropic
from backend.dialects.native import events as native
from backend.dialects.ollama import answer as ollama
from backend.entrance.refusal import shape_of
from backend.settings import ApiSettings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(ApiSettings()).openapi()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from references(one)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for one in node.values():
            yield from references(one)


def test_every_reference_leads_somewhere_in_the_document(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def test_ollama_s_shape_is_for_ollama_s_routes_alone(document: dict[str, Any]) -> None:
    """Shapes are found by how a path begins: none of ours may begin like one of Ollama's."""
    for path, methods in document["paths"].items():
        tags = {tag for method in methods.values() for tag in method.get("tags", ())}
        assert (shape_of(path) is ollama.refusal) == (tags == {"Ollama"}), path


def test_shapes_of_some_paths() -> None:
    assert shape_of("/v1/messages/count_tokens") is anthropic.refusal
    assert shape_of("/v1/chat/completions") not in (anthropic.refusal, native.refusal)
    assert shape_of("/api/blobs/sha256:0") is ollama.refusal
    assert shape_of("/api/models") is shape_of("/api/v1/local-llm/generate") is native.refusal
