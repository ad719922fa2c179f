"""The document of all routes: whole in itself, and each path in the language that its errors have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.app import create_app
from backend.dialects.protocols import PROTOCOLS
from backend.entrance.protocols import OURS, Protocols
from backend.settings import ApiSettings

protocol_at = Protocols(PROTOCOLS).at


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
        assert (protocol_at(path).name == "ollama") == (tags == {"Ollama"}), path


def test_shapes_of_some_paths() -> None:
    assert protocol_at("/v1/messages/count_tokens").name == "anthropic"
    assert protocol_at("/v1/chat/completions").name == "openai"
    assert protocol_at("/api/blobs/sha256:0").name == "ollama"
    assert protocol_at("/api/models").refuse is protocol_at("/api/v1/local-llm/generate").refuse is OURS.refuse
    assert len({protocol_at(path).refuse for path in ("/v1/messages", "/v1/files", "/api/chat", "/api/models")}) == 4
