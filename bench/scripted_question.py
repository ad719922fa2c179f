"""What a caller requested of the scripted engine, whichever protocol the request came in."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")
IMAGE_TOKENS = 64  # what a picture counts
WINDOW = 8192  # tokens of context that every model here has


class Model(NamedTuple):
    """A model that both protocols offer, under this name."""

    name: str
    capabilities: tuple[str, ...]


MODELS = (
    Model("scripted:1b", ("completion", "tools", "vision", "thinking", "insert")),
    Model("scripted-plain:1b", ("completion",)),  # no thoughts: another attempt may continue this model's answer
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
    """A request. `choice`: auto, none, required, a tool's name. `format`: "json" or a schema. `most`: tokens, 0 any."""

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
    logprobs: int | None = None  # how many alternatives of each token; None: no log probabilities
    suffix: str = ""

    @property
    def user_text(self) -> str:
        """The user's last text."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def prefill(self) -> str:
        """Whether a last message of the assistant begins the answer."""
        last = self.messages[-1] if self.messages else ScriptedMessage("user")
        return last.text if last.role == "assistant" and not last.calls else ""

    @property
    def tokens(self) -> int:
        """Tokens of the prompt."""
        tools = sum(count(tool.name + str(tool.parameters)) for tool in self.tools)
        return tools + sum(count_message(message) for message in self.messages)

    @property
    def cached(self) -> int:
        """Tokens of the prompt that a warm server would still hold: all but the newest message."""
        return sum(count_message(message) for message in self.messages[:-1])


def tokens_of(text: str) -> tuple[str, ...]:
    """Words and marks with the space before them; joined they are the text again."""
    return tuple(TOKEN.findall(text))


def count(text: str) -> int:
    return len(tokens_of(text))


def count_message(message: ScriptedMessage) -> int:
    calls = sum(count(name + str(arguments)) for name, arguments in message.calls)
    return 3 + count(message.text) + calls + IMAGE_TOKENS * len(message.images)  # 3: the marks around a turn


def model_of(name: str) -> Model | None:
    return next((model for model in MODELS if model.name == name), None)
