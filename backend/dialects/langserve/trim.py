"""Which of a conversation's messages a model gets: as many of the latest as fit.

All system messages stay, in their places: the others depend on them. The last message stays too, with the call that
it may answer. A tool's result never goes without its call, nor a call without its results: engines refuse one, and
models answer nonsense to the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

# A byte-level tokenizer makes at least one token of three bytes of ordinary prose, code, or Chinese; most make fewer.
# Too many messages cut costs a little memory of the past, too few costs the whole answer.
BYTES_A_TOKEN = 3
MESSAGE_TOKENS = 8  # role, separators
IMAGE_TOKENS = 1_024  # vision models take some 250 to 1,600
REPLY_TOKENS = 1_024  # room for an answer whose length is not limited


class Room(NamedTuple):
    """How much of a conversation a model can read: so many messages at most, of so many tokens at most. `tokens`: None
    where the window is not known.
    """

    messages: int
    tokens: int | None = None


def room_of(limit: int, window: int, num_predict: int | None, beside: int = 0) -> Room:
    """The room that a window (tokens, 0 not known) leaves for messages, beside the answer and `beside` tokens of tools.

    A `num_predict` of half the window or more is a bound and not a plan: the prompt keeps half of it.
    """
    if not window:
        return Room(limit)
    wanted = num_predict if num_predict is not None and num_predict > 0 else REPLY_TOKENS
    return Room(limit, max(0, window - min(wanted, window // 2) - beside))


def trim(messages: Sequence[BaseMessage], room: Room) -> list[BaseMessage]:
    """The system messages and the longest end of the others that fits; more than fits only if the last needs it."""
    system = [message for message in messages if isinstance(message, SystemMessage)]
    others = [message for message in messages if not isinstance(message, SystemMessage)]
    skipped = _start(others, _less(room, system))
    kept = []
    for message in messages:
        if isinstance(message, SystemMessage) or skipped <= 0:
            kept.append(message)
        else:
            skipped -= 1
    return kept


def context_of(messages: Sequence[BaseMessage], kept: Sequence[BaseMessage]) -> int | None:
    """How many messages, system messages aside, were kept of a conversation; None: all of them."""
    if len(kept) == len(messages):
        return None
    return sum(not isinstance(message, SystemMessage) for message in kept)


def tokens_of(message: BaseMessage) -> int:
    """More than it will take, as a rule."""
    parts = [message.content] if isinstance(message.content, str) else message.content
    tokens = MESSAGE_TOKENS + sum(_part_tokens(part) for part in parts)
    if isinstance(message, AIMessage) and message.tool_calls:
        tokens += text_tokens(json.dumps([[call["name"], call["args"]] for call in message.tool_calls]))
    return tokens


def text_tokens(text: str) -> int:
    return math.ceil(len(text.encode()) / BYTES_A_TOKEN)


def _part_tokens(part: object) -> int:
    if isinstance(part, str):
        return text_tokens(part)
    return text_tokens(str(part["text"])) if isinstance(part, dict) and "text" in part else IMAGE_TOKENS


def _less(room: Room, system: Sequence[BaseMessage]) -> Room:
    """The room that the system messages leave."""
    tokens = None if room.tokens is None else room.tokens - sum(map(tokens_of, system))
    return Room(room.messages - len(system), tokens)


def _start(messages: list[BaseMessage], room: Room) -> int:
    """Where to begin: at the start if all fits; else at a user's message if one is left, for no answer comes first."""
    starts = _starts(messages)
    fitting = _fitting(messages, room)
    if fitting == 0 or not starts:
        return 0
    left = [start for start in starts if start >= fitting] or starts[-1:]
    return next((start for start in left if isinstance(messages[start], HumanMessage)), left[0])


def _fitting(messages: list[BaseMessage], room: Room) -> int:
    """The earliest place from which on count and tokens fit."""
    start = max(0, len(messages) - max(0, room.messages))
    if room.tokens is None:
        return start
    tokens = 0
    for place in range(len(messages) - 1, start - 1, -1):
        tokens += tokens_of(messages[place])
        if tokens > room.tokens:
            return place + 1
    return start


def _starts(messages: list[BaseMessage]) -> list[int]:
    """Places where a cut parts no result from its call, in order."""
    calls = _calls(messages)
    starts, earliest = [], len(messages)
    for place in range(len(messages) - 1, -1, -1):
        earliest = min(earliest, calls[place])
        if earliest == place:
            starts.append(place)
    return starts[::-1]


def _calls(messages: list[BaseMessage]) -> list[int]:
    """For each result the place of the call it answers, by its id or else the latest; for others their own place."""
    by_id: dict[str | None, int] = {}
    latest, places = 0, []
    for place, message in enumerate(messages):
        if isinstance(message, AIMessage) and message.tool_calls:
            latest = place
            by_id |= {call["id"]: place for call in message.tool_calls}
        places.append(by_id.get(message.tool_call_id, latest) if isinstance(message, ToolMessage) else place)
    return places
