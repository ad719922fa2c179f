"""Loading a model, as Ollama's clients request it: a chat without messages, a text without a prompt.

A pool loads a model by using it, so this is a job of one token that no client gets: when it has ended, a worker has the
model in memory for as long as `keep_alive`. `keep_alive: 0` means the opposite: the worker that has the model
is preferred for the job, and lets go of it afterwards.
"""

from __future__ import annotations

from typing import Any

from backend.dialects.common.door import Parsed
from backend.dialects.ollama.chat_request import KeepAlive
from backend.errors import Invalid
from wire.records import JobRequest, Message

WORD = "."  # a prompt that every model takes


def loading(model: str | None, keep_alive: KeepAlive | None, wanting: str) -> Parsed:
    """Raises Invalid where no model is named: then `wanting` is what was forgotten."""
    if not model:
        raise Invalid(f"{wanting}: it is empty, and no model is named that could be loaded.")
    ask = JobRequest(
        model=model,
        messages=(Message(role="user", content=WORD),),
        options={"num_predict": 1},
        keep_alive=keep_alive,
        think=False,
    )
    extra = "unload" if is_none(keep_alive) else "load"
    return Parsed(ask, stream=False, extra=extra, reuse=False)  # the model is to be loaded, also where it was before


def is_none(keep_alive: KeepAlive | None) -> bool:
    """Whether the model is to be kept for no time at all: `0`, `"0"`, `"0s"`."""
    return keep_alive is not None and str(keep_alive).rstrip("smh") in ("0", "0.0")


def loaded(envelope: dict[str, Any], reason: str) -> dict[str, Any]:
    return {**envelope, "done_reason": reason}
