"""What the clients meet: a house of real processes before one engine, and what that engine's models are called."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.backend.standing import standing_house, wait_ready
from tests.ollama_worker.real_ollama import real_ollama
from tests.support.house import House
from tests.support.scripted import CHAT, EMBED, PLAIN, ScriptedEngine
from tests.support.valkey import Valkey
from tests.tiny_gguf import make_tiny_gguf

SCRIPTED = ("ollama", "openai")  # protocols of the scripted engine
REAL = ("llama-cpp", "real-ollama")  # engines that run a real model, a tiny one that recites


class Models(NamedTuple):
    chat: str
    plain: str  # its answers may be continued by another attempt
    embed: str


class Served(NamedTuple):
    """`engine` is the name of the parameter; `scripted` the engine's process, where it is the scripted one."""

    house: House
    engine: str
    models: Models
    scripted: ScriptedEngine | None

    @property
    def url(self) -> str:
        return self.house.url

    @property
    def book(self) -> ScriptedEngine:
        assert self.scripted, "only the scripted engine keeps a book"
        return self.scripted


@contextmanager
def serving(engine: str, home: Path, valkey: Valkey, **settings: str) -> Iterator[Served]:
    """One API and one worker with eight slots, ready. `settings` are for both."""
    with ExitStack() as stack:
        models, scripted, env = _engine(engine, home, stack)
        env = {"SLUICE_SLOTS": "8", "MODEL_NAME": models.chat, "SLUICE_MAX_BODY_BYTES": str(2**24), **env, **settings}
        house = stack.enter_context(standing_house(home, valkey, **env))
        house.start_worker()
        wait_ready(house.start_api(), workers=1)
        yield Served(house, engine, models, scripted)


def _engine(name: str, home: Path, stack: ExitStack) -> tuple[Models, ScriptedEngine | None, dict[str, str]]:
    """(models, the scripted engine's process, what its worker must be told)"""
    if name == "llama-cpp":
        gguf = make_tiny_gguf(home / "tiny.gguf", ctx=2048)
        return Models("tiny", "tiny", ""), None, {"SLUICE_ENGINE": "llama-cpp", "SLUICE_GGUF": str(gguf)}
    if name == "real-ollama":
        return _real_ollama(home, stack)
    scripted = ScriptedEngine(home / "engine")
    stack.callback(scripted.stop)
    scripted.start()
    models = Models(CHAT, PLAIN, EMBED)
    if name == "openai":
        return models, scripted, {"SLUICE_ENGINE": "openai", "OPENAI_API_BASE_URL": f"{scripted.url}/v1"}
    return models, scripted, {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": scripted.url}


def _real_ollama(home: Path, stack: ExitStack) -> tuple[Models, None, dict[str, str]]:
    """The server at SLUICE_TEST_OLLAMA_URL with the models named beside it, else one of our own with tiny models."""
    if url := os.environ.get("SLUICE_TEST_OLLAMA_URL"):
        chat = os.environ.get("SLUICE_TEST_OLLAMA_MODEL", "qwen2.5:0.5b")
        embed = os.environ.get("SLUICE_TEST_OLLAMA_EMBED_MODEL", "all-minilm:latest")
        return Models(chat, chat, embed), None, {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": url}
    home.mkdir(parents=True, exist_ok=True)
    server = stack.enter_context(real_ollama(os.environ["OLLAMA_BINARY"], home))
    template = (
        "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
    )
    server.create("tiny", make_tiny_gguf(home / "tiny.gguf", ctx=2048), template)
    server.create("tiny-embed", make_tiny_gguf(home / "tiny-embed.gguf", ctx=512, embedding=True))
    models = Models("tiny:latest", "tiny:latest", "tiny-embed:latest")
    return models, None, {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": server.url}


def unique(prompt: str) -> str:
    """A prompt that no other test sends, to be found again in the engine's book."""
    return f"{prompt} #{secrets.token_hex(4)}"
