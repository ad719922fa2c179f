"""The pool's models as one big Ollama lists them.

The facts of a file on one machine (its size, digest, family, quantization) are those that a worker reports. A fact that
no worker reports has the value that Ollama has for "not known".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from backend.dialects.common.models import About
from backend.dialects.common.options import ModelName

# The first Ollama that spoke all that is spoken here: clients refuse an older one. `codex --oss` needs 0.13.4, since
# `/v1/responses` came with 0.13.3; `/v1/messages` came with 0.14.0, logprobs with 0.12.11, all else before.
SPOKEN = "0.14.0"
UNKNOWN_TIME = "0001-01-01T00:00:00Z"  # its own zero: `ollama list` prints "Never"
NO_END = "9999-12-31T23:59:59Z"  # where a worker reports no end: `ollama ps` prints "Forever"
ARCHITECTURE = "sluice"  # clients look up `<general.architecture>.context_length`
DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")  # `ollama list` cuts it, and fails at a shorter one
NO_DETAILS = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}
# The words by which a template shows what its model can do. Each template stays on its worker; clients look for these
# words in the template that is shown: LiteLLM calls no tools of a model without `.Tools`.
IN_TEMPLATES = {
    "tools": "{{ if .Tools }}{{ .Tools }}{{ end }}",
    "completion": "{{ .System }}{{ range .Messages }}{{ .Role }}: {{ .Content }}{{ end }}",
    "thinking": "{{ .Thinking }}",
    "insert": "{{ .Prompt }}{{ .Suffix }}",
}


class ShowRequest(BaseModel):
    """The body of `POST /api/show`. Old clients send `name` in place of `model`."""

    model_config = ConfigDict(extra="ignore")

    model: ModelName = ""
    name: ModelName = ""

    @model_validator(mode="after")
    def names_a_model(self) -> ShowRequest:
        if not self.wanted:
            raise ValueError("model is required")
        return self

    @property
    def wanted(self) -> str:
        return self.model or self.name


def spoken() -> dict[str, str]:
    return {"version": SPOKEN, "sluice": version("sluice")}


def tags(models: Mapping[str, About]) -> dict[str, Any]:
    return {"models": [_entry(name, about) | {"modified_at": UNKNOWN_TIME} for name, about in models.items()]}


def running(models: Mapping[str, About]) -> dict[str, Any]:
    """Those that a living worker has in memory."""
    return {"models": [_running(name, about) for name, about in models.items() if about.get("loaded")]}


def shown(name: str, about: About) -> dict[str, Any]:
    """`model_info` has no context's length where none is known: 0 would be taken for the length. `sluice` is for the
    workers of another house behind which this one lies: all that the model can."""
    context, can = context_of(about), capabilities_of(about)
    return {
        "modelfile": "",
        "parameters": "",
        "template": "".join(words for word, words in IN_TEMPLATES.items() if word in can),
        "details": details_of(about),
        "model_info": {
            "general.architecture": ARCHITECTURE,
            "general.basename": name,
            **({f"{ARCHITECTURE}.context_length": context} if context else {}),
        },
        "capabilities": can,
        "sluice": {"capabilities": list(about.get("capabilities") or can)},
        "modified_at": UNKNOWN_TIME,
    }


def capabilities_of(about: About) -> list[str]:
    """Ollama lists `completion` or `embedding`, never both: its command line embeds every input of a model that lists
    `embedding`."""
    can = list(about.get("capabilities") or ("completion",))
    return [word for word in can if word != "embedding" or "completion" not in can]


def context_of(about: About) -> int:
    """Tokens, 0 not known."""
    return _count(about, "context_length")


def details_of(about: About) -> dict[str, Any]:
    """Each detail as a worker reports it, if the value is of the kind that clients decode."""
    details = about.get("details") or {}
    known = {name: value for name, value in details.items() if type(value) is type(NO_DETAILS.get(name))}
    return {name: known.get(name, unknown) for name, unknown in NO_DETAILS.items()}


def _running(name: str, about: About) -> dict[str, Any]:
    return _entry(name, about) | {
        "expires_at": about.get("expires_at") or NO_END,
        "size_vram": _count(about, "size_vram"),
        "context_length": context_of(about),
    }


def _entry(name: str, about: About) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": _count(about, "size"),
        "digest": _digest(name, about),
        "details": details_of(about),
    }


def _digest(name: str, about: About) -> str:
    """The digest, by which clients tell models apart: that of the name, where no worker reports the file's."""
    file = DIGEST.fullmatch(str(about.get("digest", "")))
    return file[1] if file else hashlib.sha256(name.encode()).hexdigest()


def _count(about: About, name: str) -> int:
    return max(0, int(about.get(name) or 0))
