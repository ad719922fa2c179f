"""Calls of tools in the protocols that send them in fragments and know them by ids.

A job's calls are `{"id", "function": {"name", "arguments": object}}`, told whole. A job's messages may come from a
protocol without ids: then each call gets one, and the `tool` messages behind it take theirs by name or by turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ollama_worker.engines.base import EngineError
from wire.records import Message


class Calls:
    """Fragments of calls, joined by their index; a new id at a known index begins another call."""

    def __init__(self) -> None:
        self._calls: list[dict[str, str]] = []
        self._at: dict[int, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: Iterable[dict[str, Any]]) -> None:
        for fragment in fragments:
            function = fragment.get("function") or {}
            call = self._call(fragment.get("index"), fragment.get("id") or "")
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def _call(self, index: int | None, name: str) -> dict[str, str]:
        """The call that a fragment belongs to. Servers that send calls whole may give no index, or 0 to all."""
        place = len(self._calls) if index is None else index
        call = self._at.get(place)
        if call is None or (name and call["id"] and name != call["id"]):
            call = self._at[place] = {"id": "", "name": "", "arguments": ""}
            self._calls.append(call)
        call["id"] = name or call["id"]
        return call

    def told(self, cut: bool) -> list[dict[str, Any]]:
        """All whole calls. `cut`: the budget ended the answer, so that the last one may be a torso: it is left out.

        Raises `EngineError` when the model wrote arguments that are no JSON object.
        """
        whole = []
        for call in self._calls:
            try:
                arguments = orjson.loads(call["arguments"] or "{}")
            except orjson.JSONDecodeError:
                arguments = None
            if isinstance(arguments, dict):
                whole.append({"id": call["id"], "function": {"name": call["name"], "arguments": arguments}})
            elif not cut:
                raise EngineError(f"The model called {call['name']} with arguments that are not a JSON object")
        return whole


def with_ids(messages: Iterable[Message]) -> list[Message]:
    """The messages with an id on every call, and on every answer to one."""
    told: list[Message] = []
    open_calls: list[tuple[str, str]] = []  # (name, id) of calls without an answer so far, oldest first
    for number, message in enumerate(messages):
        if message.tool_calls:
            calls = tuple({"id": f"call_{number}_{n}"} | _said(call) for n, call in enumerate(message.tool_calls))
            open_calls += [(name_of(call), call["id"]) for call in calls]
            message = message.model_copy(update={"tool_calls": calls})
        elif message.role == "tool":
            message = message.model_copy(update={"tool_call_id": _answered(message, open_calls)})
        told.append(message)
    return told


def _said(call: dict[str, Any]) -> dict[str, Any]:
    """What a call tells; an empty id is none."""
    return {name: value for name, value in call.items() if value not in (None, "")}


def _answered(message: Message, open_calls: list[tuple[str, str]]) -> str:
    """The id of the call that a `tool` message answers, which is no longer open then."""
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
