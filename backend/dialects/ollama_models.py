"""The pool's models as one big Ollama lists them.

Clients read names, capabilities and the context's length; what they find beside these belongs to a file on one machine
(its size, digest, family, quantization), which a pool has not, and gets the value that Ollama has for "not known".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from backend.chat.requests import ModelName

About = Mapping[str, Any]  # what a worker says of a model
# The first Ollama that knew all that is spoken here (logprobs came last): clients learn from it what they may send.
SPOKEN = "0.12.11"
UNKNOWN_TIME = "0001-01-01T00:00:00Z"  # its own zero: `ollama list` prints "Never"
NO_END = "9999-12-31T23:59:59Z"  # workers tell no end: `ollama ps` prints "Forever"
ARCHITECTURE = "sluice"  # clients look up `<general.architecture>.context_length`
NO_DETAILS = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}


class ShowRequest(BaseModel):
    """The body of `POST /api/show`. `name` is what old clients say for `model`."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName = ""
    name: ModelName = ""

    @model_validator(mode="after")
    def one_is_named(self) -> ShowRequest:
        if not self.asked:
            raise ValueError("model is required")
        return self

    @property
    def asked(self) -> str:
        return self.model or self.name


def spoken() -> dict[str, str]:
    return {"version": SPOKEN, "sluice": version("sluice")}


def tags(names: Iterable[str]) -> dict[str, Any]:
    """Each once."""
    return {"models": [_entry(name) | {"modified_at": UNKNOWN_TIME} for name in dict.fromkeys(names)]}


def running(models: Mapping[str, About]) -> dict[str, Any]:
    """Those that a living worker has in memory."""
    return {"models": [_running(name, about) for name, about in models.items() if about.get("loaded")]}


def shown(name: str, about: About) -> dict[str, Any]:
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": NO_DETAILS,
        "model_info": {
            "general.architecture": ARCHITECTURE,
            "general.basename": name,
            f"{ARCHITECTURE}.context_length": context_of(about),
        },
        "capabilities": capabilities(about),
        "modified_at": UNKNOWN_TIME,
    }


def capabilities(about: About) -> list[str]:
    """Ollama lists `embedding` beside `completion` for no model: its command line would make a vector of a question.

    Some of our engines' models do both, and their vectors can be had although this does not tell.
    """
    able = list(about.get("capabilities") or ("completion",))
    return [word for word in able if word != "embedding" or "completion" not in able]


def context_of(about: About) -> int:
    """Tokens, 0 not known."""
    return int(about.get("context_length") or 0)


def _running(name: str, about: About) -> dict[str, Any]:
    return _entry(name) | {"expires_at": NO_END, "size_vram": 0, "context_length": context_of(about)}


def _entry(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()  # clients tell models apart by it
    return {"name": name, "model": name, "size": 0, "digest": digest, "details": NO_DETAILS}
