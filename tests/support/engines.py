"""Engines for a house of a test: the process behind the worker, the names of its models, the worker's settings."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.ollama_worker.real_ollama import real_ollama
from tests.support.scripted import CHAT, EMBED, PLAIN, ScriptedEngine
from tests.tiny_gguf import CHATML, make_tiny_gguf

SCRIPTED = ("ollama", "openai")  # protocols of the scripted engine
REAL = ("llama-cpp", "real-ollama")  # engines that run a real model, a tiny one that recites
CONTEXT = 8192  # tokens: a recital that only the window ends takes seconds, so that it can be cancelled

# Templates with a place for tools: a model is held to be one that calls them if its template has one.
TEMPLATE = (
    "{{ if .Tools }}{{ .Tools }}{{ end }}"
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
WITH_TOOLS = "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}" + CHATML


class Models(NamedTuple):
    chat: str
    plain: str  # another attempt may continue this model's answers
    embed: str


class Engine(NamedTuple):
    """A running engine. `scripted` is the engine's process, where it is the scripted one; `env` is for the worker."""

    models: Models
    env: dict[str, str]
    scripted: ScriptedEngine | None = None


def engine_of(name: str, home: Path, stack: ExitStack, rate: float = 400.0, context: int = CONTEXT) -> Engine:
    """An engine that runs until `stack` is left. `rate`: tokens a second of the scripted engine's answers, 0 at once.
    `context`: tokens of the tiny model's window."""
    home.mkdir(parents=True, exist_ok=True)
    if name == "llama-cpp":
        gguf = make_tiny_gguf(home / "tiny.gguf", ctx=context, template=WITH_TOOLS)
        # One file for both: it does not mention vectors, so the engine makes them with a second instance of it.
        return Engine(Models("tiny", "tiny", "tiny"), {"SLUICE_ENGINE": "llama-cpp", "SLUICE_GGUF": str(gguf)})
    if name == "real-ollama":
        return _real_ollama(home, stack, context)
    scripted = ScriptedEngine(home / "engine", rate)
    stack.callback(scripted.stop)
    scripted.start()
    models = Models(CHAT, PLAIN, EMBED)
    if name == "openai":
        return Engine(models, {"SLUICE_ENGINE": "openai", "OPENAI_API_BASE_URL": f"{scripted.url}/v1"}, scripted)
    return Engine(models, {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": scripted.url}, scripted)


def _real_ollama(home: Path, stack: ExitStack, context: int) -> Engine:
    """The server at SLUICE_TEST_OLLAMA_URL with the models named beside it, else one of our own with tiny models."""
    if url := os.environ.get("SLUICE_TEST_OLLAMA_URL"):
        chat = os.environ.get("SLUICE_TEST_OLLAMA_MODEL", "qwen2.5:0.5b")
        embed = os.environ.get("SLUICE_TEST_OLLAMA_EMBED_MODEL", "all-minilm:latest")
        return Engine(Models(chat, chat, embed), {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": url})
    server = stack.enter_context(real_ollama(os.environ["OLLAMA_BINARY"], home))
    server.create("tiny", make_tiny_gguf(home / "tiny.gguf", ctx=context), TEMPLATE)
    server.create("tiny-embed", make_tiny_gguf(home / "tiny-embed.gguf", ctx=512, embedding=True))
    models = Models("tiny:latest", "tiny:latest", "tiny-embed:latest")
    return Engine(models, {"SLUICE_ENGINE": "ollama", "OLLAMA_BASE_URL": server.url})
