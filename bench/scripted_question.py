"""What is asked of the scripted engine, whichever protocol it came in."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")
IMAGE_TOKENS = 64  # what a picture counts
WINDOW = 8192  # tokens of context that every model here has


class Model(NamedTuple):
    """One that both protocols offer, under this name."""

    name: str
    capabilities: tuple[str, ...]


MODELS = (
    Model("scripted:1b", ("completion", "tools", "vision", "thinking", "insert")),
    Model("scripted-plain:1b", ("completion",)),  # no thoughts: an answer of it may be continued by another attempt
    Model("scripted-embed:1b", ("embedding",)),
)


class ScriptedMessage(NamedTuple):
    """One message. `images` are the pictures' bytes; `calls` are (name, arguments) of an assistant."""

    role: str
    text: str = ""
    images: tuple[bytes, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    name: str = ""  # of the tool whose result this is


class Tool(NamedTuple):
    name: str
    parameters: dict[str, Any]  # a JSON schema of an object


class Question(NamedTuple):
    """`choice`: auto, none, required, or a tool's name. `format`: "json" or a JSON schema. `most`: tokens, 0 any."""

    model: str
    messages: tuple[ScriptedMessage, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    format: str | dict[str, Any] | None = None
    think: bool = False
    most: int = 0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    temperature: float = 1.0
    logprobs: int | None = None  # how many alternatives of each token; None: none are told
    suffix: str = ""

    @property
    def asked(self) -> str:
        """The last words of the user."""
        return next((said.text for said in reversed(self.messages) if said.role == "user"), "")

    @property
    def prefill(self) -> str:
        """A last message of the assistant is the beginning of the answer."""
        last = self.messages[-1] if self.messages else ScriptedMessage("user")
        return last.text if last.role == "assistant" and not last.calls else ""

    @property
    def tokens(self) -> int:
        """Of the prompt."""
        tools = sum(count(tool.name + str(tool.parameters)) for tool in self.tools)
        return tools + sum(count_message(said) for said in self.messages)

    @property
    def cached(self) -> int:
        """Tokens of the prompt that a warm server would still hold: all but the newest message."""
        return sum(count_message(said) for said in self.messages[:-1])


def tokens_of(text: str) -> tuple[str, ...]:
    """Words and marks with the space before them; joined they are the text again."""
    return tuple(TOKEN.findall(text))


def count(text: str) -> int:
    return len(tokens_of(text))


def count_message(said: ScriptedMessage) -> int:
    calls = sum(count(name + str(arguments)) for name, arguments in said.calls)
    return 3 + count(said.text) + calls + IMAGE_TOKENS * len(said.images)  # 3: the marks around a turn


def model_of(name: str) -> Model | None:
    return next((model for model in MODELS if model.name == name), None)
