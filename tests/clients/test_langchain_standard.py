"""PyPI's `langchain-tests`: the standard suites of chat models and embeddings, through ChatOpenAI and ChatOllama.

The suites are LangChain's own; this file only has their servers. `langchain_deselected` lists tests left out, and why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.clients.asking import png
from tests.clients.langchain_deselected import DESELECTED
from tests.clients.served import Served

SUITE = "LangChain's standard tests"


class Housed:
    """The common part of all suites: a house, a picture that they would fetch from the web, and connections.

    LangChain's models never close theirs, so the test opens them itself, and closes them.
    """

    served: Served
    openai_clients: dict[str, Any]
    ollama_clients: dict[str, Any]

    @pytest.fixture(autouse=True)
    async def _in_a_house(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        picture = httpx.Response(200, content=png(9, 4))
        monkeypatch.setattr(httpx, "get", lambda url, **_: picture)
        sync, aio = httpx.HTTPTransport(), httpx.AsyncHTTPTransport()
        self.served = served
        self.ollama_clients = {"sync_client_kwargs": {"transport": sync}, "async_client_kwargs": {"transport": aio}}
        with httpx2.Client() as client:
            async with httpx2.AsyncClient() as async_client:
                self.openai_clients = {"http_client": client, "http_async_client": async_client}
                yield
        sync.close()
        await aio.aclose()


# Two warnings of the client about what the suite requests of it: nothing that a server could change.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings", "ignore:Received a Pydantic BaseModel V1 schema")
@pytest.mark.shows(dialect="OpenAI chat", feature=SUITE)
class TestChatOpenAI(Housed, ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        where = {"base_url": f"{self.served.url}/v1", "api_key": "none"}
        return {**where, **self.openai_clients, "model": self.served.models.chat, "stream_usage": True}

    supports_image_inputs = True
    supports_anthropic_inputs = True
    supports_json_mode = True

    @property
    def model_override_value(self) -> str:
        return self.served.models.plain


@pytest.mark.shows(dialect="Ollama", feature=SUITE)
class TestChatOllama(Housed, ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": self.served.url, "model": self.served.models.chat, **self.ollama_clients}

    has_tool_choice = False  # its client sends no choice
    supports_image_inputs = True
    supports_image_tool_message = True
    supports_json_mode = True

    @property
    def model_override_value(self) -> str:
        return self.served.models.plain


@pytest.mark.any_model
@pytest.mark.shows(dialect="OpenAI embeddings", feature=SUITE)
class TestOpenAIEmbeddings(Housed, EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        where = {"base_url": f"{self.served.url}/v1", "api_key": "none"}
        # Texts as they are: else the client cuts them with a tokenizer that it would fetch from the web.
        return {**where, **self.openai_clients, "model": self.served.models.embed, "check_embedding_ctx_length": False}


@pytest.mark.shows(dialect="Ollama", feature=SUITE)
class TestOllamaEmbeddings(Housed, EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"base_url": self.served.url, "model": self.served.models.embed, **self.ollama_clients}


def test_every_test_that_is_left_out_exists_and_has_a_reason() -> None:
    suites = (TestChatOpenAI, TestChatOllama, TestOpenAIEmbeddings, TestOllamaEmbeddings)
    names = {suite.__name__: set(dir(suite)) for suite in suites}
    for suite, test, reason in DESELECTED:
        assert any(test in known for name, known in names.items() if suite in ("", name)), test
        assert reason.endswith(".")
