"""Null for a field that is left out: clients with typed requests send it for all that their caller did not give."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from backend.dialects.anthropic.request import MessagesRequest, read_messages
from backend.dialects.common.reading import read_as
from backend.dialects.native.local_llm import LocalGenerate, LocalRequest
from backend.dialects.ollama.chat import OllamaChat
from backend.dialects.ollama.chat_request import ChatRequest
from backend.dialects.ollama.embed import EmbedRequest, OldRequest, read_embed, read_old
from backend.dialects.ollama.generate import GenerateRequest, OllamaGenerate
from backend.dialects.ollama.models import ShowRequest
from backend.dialects.openai import embeddings as openai_embeddings
from backend.dialects.openai.chat import CHAT
from backend.dialects.openai.chat_request import OpenAiChatRequest
from backend.dialects.openai.completions import COMPLETIONS, CompletionRequest
from backend.dialects.openai.embeddings import EmbeddingRequest
from backend.dialects.responses.door import DOOR
from backend.dialects.responses.request import ResponsesRequest
from tests.backend.incoming import incoming

SAID = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
# What is read, the fields that its caller gives, and how it is read.
DOORS: dict[str, tuple[type[BaseModel], dict[str, Any], Any]] = {
    "Ollama's chat": (ChatRequest, SAID, lambda body: OllamaChat().read(incoming(body, 9))),
    "Ollama's text": (GenerateRequest, {"prompt": "hi"}, lambda body: OllamaGenerate().read(incoming(body, 9))),
    "Ollama's vectors": (EmbedRequest, {"model": "m", "input": "hi"}, read_embed),
    "Ollama's one vector": (OldRequest, {"model": "m", "prompt": "hi"}, read_old),
    "Ollama's load of what makes vectors": (EmbedRequest, {"model": "m"}, read_embed),
    "what Ollama shows": (ShowRequest, {"name": "m"}, lambda body: read_as(ShowRequest, body).wanted),
    "OpenAI's chat": (OpenAiChatRequest, SAID, lambda body: CHAT.read(incoming(body, 9))),
    "OpenAI's text": (
        CompletionRequest,
        {"model": "m", "prompt": "hi"},
        lambda body: COMPLETIONS.read(incoming(body)),
    ),
    "OpenAI's responses": (ResponsesRequest, {"model": "m", "input": "hi"}, lambda body: DOOR.read(incoming(body, 9))),
    "OpenAI's vectors": (EmbeddingRequest, {"model": "m", "input": "hi"}, openai_embeddings.read),
    "Anthropic's": (MessagesRequest, {**SAID, "max_tokens": 9}, lambda body: read_messages(body, 9).to_ask()),
    "one local model": (LocalRequest, {"prompt": "hi"}, lambda body: LocalGenerate().read(incoming(body, 9))),
}


@pytest.mark.parametrize("door", DOORS)
def test_null_is_the_same_as_left_out_in_every_field_of_a_request(door: str) -> None:
    model, given, read = DOORS[door]
    nothing = {field.alias or name: None for name, field in model.model_fields.items()}
    assert len(nothing) > len(given)
    assert read({**nothing, **given}) == read(given)


@pytest.mark.parametrize(
    "body", [{"model": None}, {"messages": None, "model": None}, {"model": "m", "messages": [None]}]
)
def test_null_for_a_required_field_is_refused_as_if_it_were_missing(body: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="messages"):
        OllamaChat().read(incoming(body, 9))
