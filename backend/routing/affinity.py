"""The conversation that an ask belongs to: the worker that had its last turn may still hold it in its cache."""

from __future__ import annotations

import re
from hashlib import blake2b

from backend.errors import Invalid
from wire.records import JobRequest

CONVERSATION = re.compile(r"[\x20-\x7e]{1,200}")
READ = 4_096  # characters of a message by which conversations differ


def parse_conversation(value: str | None) -> str:
    """The caller's name for the conversation (`X-Sluice-Conversation`), "" where it is missing. Raises Invalid."""
    if value and not CONVERSATION.fullmatch(value):
        raise Invalid("X-Sluice-Conversation must be 1 to 200 printable ASCII characters.", "invalid_conversation")
    return value or ""


def affinity_of(ask: JobRequest, conversation: str) -> str:
    """The caller's name for the conversation, or how it begins, since it grows at its end; "" where there is none."""
    if ask.kind != "chat" or not ask.messages:
        return ""
    if conversation:
        return f"named:{conversation}"
    begin = blake2b(digest_size=16)
    for message in ask.messages:
        begin.update(f"{message.role}\0{message.content[:READ]}\0".encode())
        if message.role == "user":
            break
    return f"begins:{begin.hexdigest()}"
