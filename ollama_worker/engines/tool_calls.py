"""Calls of tools in the protocols that send them in fragments and know them by ids.

A job's calls are whole objects: `{"id", "function": {"name", "arguments": object}}`. A job's messages may come from a
protocol without ids: then each call gets an id, and the `tool` messages behind it get theirs by name or by turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from ollama_worker.engines.base import AnswerTooLarge, EngineError
from ollama_worker.engines.http import fields_of, text_of
from wire.records import Message

MOST = 16 * 1024 * 1024  # characters of all calls of an answer
FRAME = 64  # characters that each fragment counts, however short it is


class OpenCall(NamedTuple):
    """A call that is still coming. Its arguments may come in a hundred thousand parts."""

    call_id: str
    name: str
    arguments: list[str]


class Calls:
    """The calls of one answer, joined from fragments by their index. A new id at a known index begins another call."""

    def __init__(self) -> None:
        self._calls: list[OpenCall] = []
        self._at: dict[int, int] = {}  # index → its place among the calls
        self._size = 0  # characters so far

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: Iterable[dict[str, Any]]) -> None:
        """Raises `AnswerTooLarge`."""
        for fragment in fragments:
            function = fields_of(fields_of(fragment).get("function"))
            name, arguments = text_of(function.get("name")), text_of(function.get("arguments"))
            self._size += FRAME + len(name) + len(arguments)
            if self._size > MOST:
                raise AnswerTooLarge(f"The model called tools with more than {MOST >> 20} MB of arguments")
            place = self._place(fragment.get("index"), text_of(fragment.get("id")))
            self._calls[place] = self._calls[place]._replace(name=self._calls[place].name + name)
            self._calls[place].arguments.append(arguments)

    def _place(self, index: object, call_id: str) -> int:
        """The place of a fragment's call. Servers that send whole calls may give no index, or 0 to all of them."""
        number = index if isinstance(index, int) else len(self._calls)
        place = self._at.get(number)
        if place is None or (call_id and self._calls[place].call_id not in ("", call_id)):
            place = self._at[number] = len(self._calls)
            self._calls.append(OpenCall(call_id, "", []))
        elif call_id:
            self._calls[place] = self._calls[place]._replace(call_id=call_id)
        return place

    def whole(self, cut: bool) -> list[dict[str, Any]]:
        """All whole calls. `cut`: the budget ended the answer, so the last call may be incomplete, and is then left
        out.

        Raises `EngineError` when the model wrote arguments that are no JSON object.
        """
        calls = []
        for call in self._calls:
            try:
                arguments = orjson.loads("".join(call.arguments) or "{}")
            except orjson.JSONDecodeError:
                arguments = None
            if isinstance(arguments, dict):
                calls.append({"id": call.call_id, "function": {"name": call.name, "arguments": arguments}})
            elif not cut:
                raise EngineError(f"The model called {call.name[:64]} with arguments that are not a JSON object")
        return calls


def with_ids(messages: Iterable[Message]) -> list[Message]:
    """The messages with an id on every call, and on every answer to a call."""
    identified: list[Message] = []
    open_calls: list[tuple[str, str]] = []  # (name, id) of calls without an answer so far, oldest first
    for number, message in enumerate(messages):
        if message.tool_calls:
            ids = (f"call_{number}_{n}" for n in range(len(message.tool_calls)))
            calls = tuple({"id": id} | _without_empty(call) for id, call in zip(ids, message.tool_calls, strict=True))
            open_calls += [(name_of(call), call["id"]) for call in calls]
            message = message.model_copy(update={"tool_calls": calls})
        elif message.role == "tool":
            message = message.model_copy(update={"tool_call_id": _answered(message, open_calls)})
        identified.append(message)
    return identified


def _without_empty(call: dict[str, Any]) -> dict[str, Any]:
    """The call without its empty fields: an empty id is no id."""
    return {name: value for name, value in call.items() if value not in (None, "")}


def _answered(message: Message, open_calls: list[tuple[str, str]]) -> str:
    """The id of the call that a `tool` message answers; the call is then no longer open."""
    for call in open_calls:
        if message.tool_call_id == call[1] or (not message.tool_call_id and message.tool_name in (None, "", call[0])):
            open_calls.remove(call)
            return call[1]
    return message.tool_call_id or "call_unknown"


def name_of(call: dict[str, Any]) -> str:
    return str((call.get("function") or {}).get("name") or "")


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    arguments = (call.get("function") or {}).get("arguments")
    return arguments if isinstance(arguments, dict) else {}
